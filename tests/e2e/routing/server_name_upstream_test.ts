/** Upstreams `{sni}:443`: clients choose the host, within what is allowed. */

import assert from "node:assert/strict";
import { join } from "node:path";
import * as by from "../../support/bytes/proxy_headers.ts";
import { clientHello } from "../../support/bytes/client_hellos.ts";
import { CertificateAuthority, type KeyPair } from "../../support/certificates.ts";
import { eventually } from "../../support/eventually.ts";
import {
  connect,
  endOf,
  freePorts,
  readText,
  Upstream,
  writeAll,
  writeText,
} from "../../support/peers/sockets.ts";
import { latin1 } from "../../support/peers/echo_at_eof.ts";
import { readBytes } from "../../support/peers/request_server.ts";
import { HostsFile } from "../../support/program/hosts_file.ts";
import type { LoggedEvent } from "../../support/program/program.ts";
import { Reloadable } from "../../support/program/reloadable.ts";
import { tlsClient } from "../../support/program/tls_termination.ts";

const HOSTS = {
  "a.shop.test": ["127.0.0.2"],
  "b.shop.test": ["127.0.0.3"],
  "mixed.shop.test": ["127.0.0.9", "127.0.0.2"],
  "own.shop.test": ["127.0.0.1"],
};

/** Of clients on a unix socket. */
const LOCAL_HEADER = "PROXY UNKNOWN\r\n";
/** A client of PostgreSQL asks for TLS. */
const SSL_REQUEST = "\0\0\0\x08\x04\xd2\x16\x2f";
const SOCKET = "inside.sock";

const isPossible = await HostsFile.isPossible();

/** Two servers with TLS on the same port of two addresses, which say their name first. */
class Servers implements AsyncDisposable {
  readonly port: number;
  readonly #stack: AsyncDisposableStack;

  private constructor(port: number, stack: AsyncDisposableStack) {
    this.port = port;
    this.#stack = stack;
  }

  static async start(authority: CertificateAuthority): Promise<Servers> {
    await using stack = new AsyncDisposableStack();
    const [port] = freePorts(1);
    for (const [letter, hostname] of [["a", "127.0.0.2"], ["b", "127.0.0.3"]] as const) {
      const names = [`DNS:${letter}.shop.test`, "DNS:mixed.shop.test"];
      const { cert, key } = await authority.issue({ name: letter, names });
      const [certificate, secret] = [await Deno.readTextFile(cert), await Deno.readTextFile(key)];
      const listener = Deno.listenTls({ hostname, port: port!, cert: certificate, key: secret });
      stack.use(
        new Upstream(listener as unknown as Deno.TcpListener, async (conn) => {
          await writeText(conn, `${letter};`);
          await conn.readable.pipeTo(conn.writable);
        }),
      );
    }
    return new Servers(port!, stack.move());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

interface Started {
  readonly authority: CertificateAuthority;
  readonly servers: Servers;
  readonly hosts: HostsFile;
  readonly fixture: Reloadable;
  /** The port of the service whose upstream is its own address. */
  readonly loop: number;
}

/** Plays a server of PostgreSQL until TLS begins, behind a PROXY header; then sends back what it gets. */
async function answerPostgres(conn: Deno.Conn): Promise<void> {
  assert.equal(await readText(conn, LOCAL_HEADER.length), LOCAL_HEADER);
  assert.equal(latin1(await readBytes(conn, SSL_REQUEST.length)), SSL_REQUEST);
  await writeText(conn, "S");
  await conn.readable.pipeTo(conn.writable);
}

/** Starts a proxy with a service for each of the cases. */
async function start(stack: AsyncDisposableStack): Promise<Started> {
  const authority = stack.use(await CertificateAuthority.create());
  const servers = stack.use(await Servers.start(authority));
  const hosts = stack.use(await HostsFile.create(HOSTS));
  const [inside, loop] = freePorts(2);
  stack.use(new Upstream(Deno.listen({ hostname: "127.0.0.2", port: inside! }), answerPostgres));
  await authority.file("names.txt", "*.shop.test\n");
  const pair = await authority.issue({ name: "a", names: ["DNS:a.shop.test", "DNS:b.shop.test"] });
  const yaml = configuration({ port: servers.port, inside: inside!, loop: loop! }, authority, pair);
  const fixture = stack.use(await Reloadable.start(yaml, { wrapper: hosts.wrapper }));
  return { authority, servers, hosts, fixture, loop: loop! };
}

function configuration(
  { port, inside, loop }: Readonly<Record<"port" | "inside" | "loop", number>>,
  { cert, directory }: CertificateAuthority,
  pair: KeyPair,
): string {
  const names = `allow_names: { file: "${join(directory, "names.txt")}" }`;
  return `
services:
  - { name: passed, listen: 0, upstream: "{sni}:${port}", ${names}, allow_private: [127.0.0.2, 127.0.0.3] }
  - name: terminated
    listen: 0
    tls: { cert: "${pair.cert}", key: "${pair.key}" }
    upstream_tls: { ca: "${cert}" }
    routes: [{ sni: b.shop.test, upstream: "{sni}:${port}" }]
    upstream: "{sni}:${port}"
    ${names}
    allow_private: 127.0.0.0/8
  - { name: public, listen: 0, upstream: "{sni}:${port}", allow_names: "*" }
  - name: inside
    listen: "unix:${join(directory, SOCKET)}"
    upstream: "{sni}:${inside}"
    peek: { starttls: postgres }
    send_proxy_protocol: v1
    ${names}
    allow_private: 127.0.0.2
  - { name: loop, listen: ":${loop}", upstream: "{sni}:${loop}", allow_names: "*", allow_private: true }
`;
}

/** Sends a ClientHello that is refused; resolves with the line about it. */
async function refused({ fixture }: Started, service: string, ...bytes: Uint8Array[]): Promise<LoggedEvent> {
  const before = fixture.sluice.events("connection_refused").length;
  using client = await connect(await fixture.portOf(service));
  for (const each of bytes) await writeAll(client, each);
  if (bytes.length === 0) await client.closeWrite();
  assert.match(await endOf(client), /fin|reset/);
  return (await fixture.sluice.loggedEvents("connection_refused", before + 1)).at(-1)!;
}

async function served({ fixture, authority }: Started, service: string, hostname: string): Promise<string> {
  using client = await tlsClient(await fixture.portOf(service), authority, { hostname });
  await writeText(client, "ping");
  return await readText(client, 6);
}

Deno.test({
  name:
    "each client reaches the server that it names, through TLS that passes and TLS that ends (needs unshare)",
  ignore: !isPossible,
  async fn() {
    await using stack = new AsyncDisposableStack();
    const started = await start(stack);
    const { authority, fixture, servers: { port } } = started;
    assert.equal(await served(started, "passed", "a.shop.test"), "a;ping");
    assert.equal(await served(started, "passed", "b.shop.test"), "b;ping");
    // Of two addresses, only one may be reached.
    assert.equal(await served(started, "passed", "mixed.shop.test"), "a;ping");
    assert.equal(await served(started, "terminated", "a.shop.test"), "a;ping");
    assert.equal(await served(started, "terminated", "b.shop.test"), "b;ping");
    const lines = await fixture.sluice.loggedEvents("connection_closed", 5);
    // TLS that begins inside PostgreSQL, on a unix socket, with a PROXY header before it.
    using client = await Deno.connect({ transport: "unix", path: join(authority.directory, SOCKET) });
    await writeAll(client, by.bytesOf(SSL_REQUEST));
    assert.equal(await readText(client, 1), "S");
    const hello = clientHello({ sni: "a.shop.test" });
    await writeAll(client, hello);
    assert.equal(latin1(await readBytes(client, hello.length)), latin1(hello));
    assert.deepEqual(
      lines.map(({ sni, upstream, endpoint, address, attempts }) =>
        [sni, upstream, endpoint, address, attempts].join(" ")
      ).sort(),
      [["a", 2], ["a", 2], ["b", 3], ["b", 3], ["mixed", 2]].map(([name, host]) =>
        `${name}.shop.test {sni}:${port} ${name}.shop.test:${port} 127.0.0.${host}:${port} 1`
      ),
    );
    // The accounts have one endpoint, however many names there are.
    const metrics = await fixture.admin.metricsText();
    assert.match(metrics, new RegExp(`endpoint="\\{sni\\}:${port}"\\S* 5\\n`));
    assert.doesNotMatch(metrics, /shop\.test/);
  },
});

Deno.test({
  name: "clients reach nothing but what is allowed, whatever names lead to now (needs unshare)",
  ignore: !isPossible,
  async fn() {
    await using stack = new AsyncDisposableStack();
    const started = await start(stack);
    const { authority, fixture, hosts, loop, servers: { port } } = started;
    const cases: [service: string, bytes: Uint8Array[], code: string, detail: RegExp][] = [
      [
        "passed",
        [clientHello({ sni: "a.other.test" })],
        "name_not_allowed",
        /^"a\.other\.test" is not in allow_names$/,
      ],
      ["passed", [clientHello()], "name_not_allowed", /^The client asks for no name$/],
      ["passed", [new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n")], "name_not_allowed", /: not TLS$/],
      ["passed", [], "name_not_allowed", /: closed before its ClientHello$/],
      [
        "public",
        [clientHello({ sni: "127.0.0.2" })],
        "name_not_allowed",
        /^"127\.0\.0\.2" is an IP address$/,
      ],
      ["public", [clientHello({ sni: "0x7f000002" })], "name_not_allowed", /^"0x7f000002" is an IP address$/],
      [
        "public",
        [clientHello({ sni: "a.shop.test" })],
        "address_not_allowed",
        /: 127\.0\.0\.2 is a loopback address$/,
      ],
      [
        "passed",
        [clientHello({ sni: "own.shop.test" })],
        "address_not_allowed",
        /: 127\.0\.0\.1 is a loopback address$/,
      ],
      [
        "loop",
        [clientHello({ sni: "own.shop.test" })],
        "address_not_allowed",
        new RegExp(`: sluice itself listens on 127\\.0\\.0\\.1 at port ${loop}$`),
      ],
    ];
    for (const [service, bytes, code, detail] of cases) {
      const line = await refused(started, service, ...bytes);
      assert.deepEqual([line.service, line.code], [service, code]);
      assert.match(String(line.detail), detail);
    }
    assert.equal(await served(started, "passed", "a.shop.test"), "a;ping");
    // The name leads elsewhere now (DNS rebinding).
    await hosts.set({ ...HOSTS, "a.shop.test": ["127.0.0.1"] });
    const rebound = await refused(started, "passed", clientHello({ sni: "a.shop.test" }));
    assert.equal(rebound.code, "address_not_allowed");
    // A name that is taken out of its file is refused from then on.
    await authority.file("names.txt", "a.shop.test\n");
    await fixture.sluice.logged("list_reloaded");
    assert.equal(
      (await refused(started, "passed", clientHello({ sni: "b.shop.test" }))).code,
      "name_not_allowed",
    );
    const metrics = await fixture.admin.metricsText();
    assert.match(
      metrics,
      /sluice_connections_refused_total\{service="passed",reason="name_not_allowed"\} 5\n/,
    );
    assert.match(
      metrics,
      /sluice_connections_refused_total\{service="passed",reason="address_not_allowed"\} 2\n/,
    );
    // No client of the loop has come back to it, and nothing counts against the endpoint.
    await eventually("no open connection", () => fixture.admin.connections(), ({ length }) => length === 0);
    assert.doesNotMatch(
      metrics,
      new RegExp(`endpoint_failures_total\\{[^}]*\\{sni\\}:${port}[^}]*\\} [1-9]`),
    );
  },
});
