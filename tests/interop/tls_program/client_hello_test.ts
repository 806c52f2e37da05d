/** ClientHellos of real clients, recorded as they are sent: the parser reads what the client was configured to send. */

import assert from "node:assert/strict";
import { connect } from "node:tls";
import { parseClientHello } from "../../../src/wire/client_hello/client_hello.ts";
import { inRecords, withoutRecords } from "../../support/bytes/client_hello_bytes.ts";
import { interopTest, spawn } from "../../support/interop.ts";

interface HelloValues {
  readonly serverName?: string;
  readonly alpn?: readonly string[];
  /** The only TLS version that the client may use; 1.2 and 1.3 unless given. */
  readonly version?: "1.2" | "1.3";
}

/** Makes a client send its ClientHello to a port of 127.0.0.1. It may fail after that, as it gets no answer. */
type Client = (port: number, values: HelloValues) => Promise<unknown>;

/** A client that has not ended by then is stuck; no server answers it. */
const CLIENT_MS = 30_000;
const NAME = "shop.example.com";
const VERSIONS = { "1.2": 0x0303, "1.3": 0x0304 };
const CASES: readonly HelloValues[] = [
  {},
  { version: "1.2" },
  { version: "1.3" },
  { serverName: NAME },
  { serverName: NAME, version: "1.2" },
  { serverName: NAME, version: "1.3", alpn: ["h2", "http/1.1"] },
  { alpn: ["http/1.1"] },
  { serverName: "a.b", version: "1.2", alpn: ["imap", "pop3"] },
];

interopTest(
  "ClientHello: openssl",
  { needs: ["openssl"], install: "apt-get install openssl" },
  async (stack) => {
    await recordAll(stack, CASES, (port, { serverName, alpn, version }) => {
      const name = serverName === undefined ? ["-noservername"] : ["-servername", serverName];
      const protocols = alpn === undefined ? [] : ["-alpn", alpn.join(",")];
      const only = version === undefined ? [] : [version === "1.2" ? "-tls1_2" : "-tls1_3"];
      return runClient("openssl", [
        "s_client",
        "-connect",
        `127.0.0.1:${port}`,
        ...name,
        ...protocols,
        ...only,
      ]);
    });
  },
);

interopTest("ClientHello: curl", { needs: ["curl"], install: "apt-get install curl" }, async (stack) => {
  // The ALPN protocols that curl offers follow from the versions of HTTP that it may use.
  const cases = CASES.map(({ alpn: _, ...values }) => values);
  await recordAll(stack, cases.map((values) => ({ ...values, alpn: ["http/1.1"] })), curl("--http1.1"));
  await recordAll(stack, cases, curl("--no-alpn"));
});

interopTest("ClientHello: Node.js", { needs: ["node"], install: "apt-get install nodejs" }, async (stack) => {
  const script = `
    const options = { host: "127.0.0.1", ...JSON.parse(process.argv[1]) };
    require("tls").connect(options).on("error", () => {}).resume();
  `;
  await recordAll(stack, CASES, (port, values) => {
    return runClient("node", ["-e", script, JSON.stringify({ port, ...nodeOptions(values) })]);
  });
});

interopTest("ClientHello: Deno's node:tls", { needs: [], install: "" }, async (stack) => {
  await recordAll(stack, CASES, async (port, values) => {
    const socket = connect({ host: "127.0.0.1", port, ...nodeOptions(values) });
    const closed = Promise.withResolvers<void>();
    socket.on("error", () => {}).on("close", () => closed.resolve()).resume();
    await closed.promise;
  });
});

interopTest("ClientHello: Deno", { needs: [], install: "" }, async (stack) => {
  const cases = CASES.filter(({ version }) => version === undefined);
  await recordAll(stack, cases, async (port, { serverName, alpn }) => {
    using tcp = await Deno.connect({ hostname: "127.0.0.1", port });
    using tls = await Deno.startTls(tcp, {
      hostname: serverName ?? "127.0.0.1",
      ...alpn === undefined ? {} : { alpnProtocols: [...alpn] },
    });
    await tls.handshake();
  });
});

/** Has a client send a ClientHello with each of these values, and compares them with what the parser reads. */
async function recordAll(
  stack: AsyncDisposableStack,
  cases: readonly HelloValues[],
  client: Client,
): Promise<void> {
  for (const values of cases) {
    const bytes = await record(stack, values, client);
    const parsed = parseClientHello(bytes);
    assert.ok(parsed.kind === "hello", JSON.stringify(parsed));
    const { kind: _, versions, ...rest } = parsed;
    assert.deepEqual(rest, { serverName: values.serverName, alpn: values.alpn ?? [] });
    // Some clients offer older versions as well by default.
    const recent = values.version === undefined
      ? versions.filter((each) => each >= VERSIONS["1.2"])
      : versions;
    const expected = values.version === undefined
      ? [VERSIONS["1.3"], VERSIONS["1.2"]]
      : [VERSIONS[values.version]];
    assert.deepEqual(recent, expected, JSON.stringify(values));
    checkSplits(bytes, parsed);
  }
}

/** Returns what the client has sent once the ClientHello is complete, and closes the connection. */
async function record(stack: AsyncDisposableStack, values: HelloValues, client: Client): Promise<Uint8Array> {
  using listener = stack.use(Deno.listen({ hostname: "127.0.0.1", port: 0 }));
  const ended = client(listener.addr.port, values).catch(() => {});
  using conn = await listener.accept();
  let bytes = new Uint8Array(0);
  const buffer = new Uint8Array(4096);
  while (parseClientHello(bytes).kind === "need_more") {
    const count = await conn.read(buffer);
    if (count === null) break;
    bytes = Uint8Array.of(...bytes, ...buffer.subarray(0, count));
  }
  conn.close();
  await ended;
  return bytes;
}

/**
 * Asserts that the parser needs more of a ClientHello cut anywhere, reads the same from other record sizes, and throws
 * for no changed byte.
 */
function checkSplits(bytes: Uint8Array, parsed: ReturnType<typeof parseClientHello>): void {
  for (let length = 0; length < bytes.length; length++) {
    assert.equal(parseClientHello(bytes.subarray(0, length)).kind, "need_more", `cut at ${length}`);
  }
  for (const sizes of [[1], [2, 1, 300], [1 << 14]]) {
    assert.deepEqual(parseClientHello(inRecords(withoutRecords(bytes), sizes)), parsed);
  }
  for (let at = 0; at < bytes.length; at++) {
    const changed = bytes.slice();
    for (let bit = 1; bit < 256; bit *= 2) {
      changed[at] = bytes[at]! ^ bit;
      assert.ok(["need_more", "not_tls", "invalid", "hello"].includes(parseClientHello(changed).kind));
    }
  }
}

function curl(option: string): Client {
  return (port, { serverName, version }) => {
    const url = `https://${serverName ?? "127.0.0.1"}:${port}/`;
    const to = serverName === undefined ? [] : ["--resolve", `${serverName}:${port}:127.0.0.1`];
    const most = version === undefined ? [] : ["--tls-max", version];
    return runClient("curl", ["-sk", option, `--tlsv${version ?? "1.2"}`, ...most, ...to, url]);
  };
}

function nodeOptions({ serverName, alpn, version }: HelloValues): Record<string, unknown> {
  return {
    ...serverName === undefined ? {} : { servername: serverName },
    ...alpn === undefined ? {} : { ALPNProtocols: alpn },
    ...version === undefined ? {} : { minVersion: `TLSv${version}`, maxVersion: `TLSv${version}` },
  };
}

/** Runs a program to its end, which is an error. */
async function runClient(program: string, args: string[]): Promise<void> {
  const child = spawn(program, args);
  const deadline = setTimeout(() => child.kill("SIGKILL"), CLIENT_MS);
  await child.output();
  clearTimeout(deadline);
}
