/** New certificates while clients come and go. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { eventually } from "../../support/eventually.ts";
import { Sluice, sluiceCommand, type StartOptions } from "../../support/program/program.ts";
import { echo, readText, upstream, writeText } from "../../support/peers/sockets.ts";
import { CertificateAuthority, type KeyPair, OPENSSL } from "../../support/certificates.ts";
import { interopTest } from "../../support/interop.ts";
import { NAME, tlsClient } from "../../support/program/tls_termination.ts";

/** How often the certificate is changed under load, and how many clients connect one after the other meanwhile. */
const SWAPS = 10;
const CLIENTS = 4;

interface Mounted {
  readonly authority: CertificateAuthority;
  readonly sluice: Sluice;
  readonly directory: string;
  /** Gives the service another certificate, in one step, as Kubernetes does it. */
  swap(pair: KeyPair): Promise<void>;
}

/** Starts a sluice whose certificate is behind a symbolic link, as in a Kubernetes secret. */
async function mounted(
  stack: AsyncDisposableStack,
  keys: string[] = [],
  start: StartOptions = {},
): Promise<Mounted> {
  const authority = stack.use(await CertificateAuthority.create());
  const directory = await Deno.makeTempDir({ prefix: "sluice-secret-" });
  stack.defer(() => Deno.remove(directory, { recursive: true }));
  let version = 0;
  const swap = async (pair: KeyPair) => {
    const name = `..${version++}`;
    await Deno.mkdir(join(directory, name));
    await Deno.copyFile(pair.cert, join(directory, name, "tls.crt"));
    await Deno.copyFile(pair.key, join(directory, name, "tls.key"));
    await Deno.symlink(name, join(directory, "..next"));
    await Deno.rename(join(directory, "..next"), join(directory, "..data"));
  };
  await swap(await authority.issue({ name: NAME }));
  for (const file of ["tls.crt", "tls.key"]) await Deno.symlink(`..data/${file}`, join(directory, file));
  const server = stack.use(upstream(echo));
  const tls = [`cert: "${directory}/tls.crt"`, `key: "${directory}/tls.key"`, ...keys].join(", ");
  const service = `{ name: test, listen: "127.0.0.1:0", upstream: "${server.address}", tls: { ${tls} } }`;
  const yaml = `log: { format: json }\nservices: [${service}]\n`;
  const sluice = stack.use(await Sluice.withConfig(yaml, [], start));
  return { authority, sluice, directory, swap };
}

/** Whether a client that asks for `hostname` gets a certificate for it. */
async function isServed(port: number, authority: CertificateAuthority, hostname: string): Promise<boolean> {
  try {
    using conn = await tlsClient(port, authority, { hostname });
    await writeText(conn, "ping");
    return await readText(conn, 4) === "ping";
  } catch (error) {
    if (/certificate not valid for name/.test(String(error))) return false;
    throw error;
  }
}

/**
 * What a swap may cost with `engine: deno`: the kernel resets clients that are in the queue of the old listener
 * in the instant it is closed. They were never accepted, so nothing else can happen to them. Deno.connect
 * throws NotConnected if the reset came before it had looked at its socket.
 */
function isLostInQueue(error: unknown): boolean {
  const { BrokenPipe, ConnectionReset, NotConnected } = Deno.errors;
  return [BrokenPipe, ConnectionReset, NotConnected].some((kind) => error instanceof kind);
}

for (const engine of ["node", "deno"] as const) {
  interopTest(
    `certificates change under a stream of handshakes, engine: ${engine}`,
    OPENSSL,
    async (stack) => {
      const { authority, sluice, swap } = await mounted(stack, [`engine: ${engine}`]);
      using old = await tlsClient(sluice.port(), authority);
      const over = new AbortController();
      let handshakes = 0;
      const failures: unknown[] = [];
      const client = async () => {
        while (!over.signal.aborted) {
          try {
            using conn = await tlsClient(sluice.port(), authority);
            await writeText(conn, "ping");
            if (await readText(conn, 4) === "ping") handshakes += 1;
          } catch (error) {
            failures.push(error);
          }
        }
      };
      const clients = Array.from({ length: CLIENTS }, client);
      try {
        for (let count = 1; count <= SWAPS; count++) {
          await swap(await authority.issue({ name: NAME, names: [`DNS:${NAME}`, `DNS:v${count}.test`] }));
          await sluice.loggedEvents("certificate_reloaded", count);
          // The old certificate is not for this name.
          const isNew = () => isServed(sluice.port(), authority, `v${count}.test`);
          const isNewOrLost = () =>
            isNew().catch((error) => {
              if (isLostInQueue(error)) return false;
              throw error;
            });
          if (engine === "node") assert.ok(await isNew());
          else await eventually("the old listener to be gone", isNewOrLost, (value) => value);
        }
      } finally {
        over.abort();
        await Promise.all(clients);
      }
      assert.ok(handshakes >= SWAPS, `${handshakes} handshakes`);
      const lost = engine === "node" ? [] : failures.filter(isLostInQueue);
      assert.deepEqual(failures, lost);
      assert.ok(lost.length <= SWAPS * CLIENTS, `${lost.length} of ${handshakes}`);
      await writeText(old, "still");
      assert.equal(await readText(old, 5), "still");
    },
  );
}

interopTest(
  "a new certificate is served by Deno.listenTls without --unstable-net",
  OPENSSL,
  async (stack) => {
    const start = { command: sluiceCommand({ isStable: true }), workers: 1 };
    const { authority, sluice, swap } = await mounted(stack, ["engine: deno"], start);
    using old = await tlsClient(sluice.port(), authority);
    for (let count = 1; count <= 3; count++) {
      await swap(await authority.issue({ name: `v${count}.test` }));
      await sluice.loggedEvents("certificate_reloaded", count);
      await eventually(
        "the new certificate",
        // In the moment without a listener it refuses.
        () => isServed(sluice.port(), authority, `v${count}.test`).catch(() => false),
        (served) => served,
      );
    }
    assert.deepEqual(sluice.events("listener_not_changed"), []);
    await writeText(old, "ping");
    assert.equal(await readText(old, 4), "ping");
  },
);

interopTest("an invalid new certificate leaves the old one in use", OPENSSL, async (stack) => {
  const { authority, sluice, directory, swap } = await mounted(stack);
  const [first, second] = [await authority.issue({ name: NAME }), await authority.issue({ name: NAME })];
  await swap({ cert: first.cert, key: second.key });
  const [line] = await sluice.loggedEvents("certificate_rejected", 1);
  assert.equal(line!.level, "error");
  assert.match(
    `${line!.message}`,
    new RegExp(`^test: keeping the certificate in use\\. Cannot use the key in "${directory}/tls\\.key": `),
  );
  assert.doesNotMatch(sluice.stderr, /PRIVATE KEY/);
  using client = await tlsClient(sluice.port(), authority);
  await writeText(client, "ping");
  assert.equal(await readText(client, 4), "ping");
  await swap(await authority.issue({ name: "v2.test" }));
  await sluice.loggedEvents("certificate_reloaded", 1);
  assert.ok(await isServed(sluice.port(), authority, "v2.test"));
});

interopTest("SIGHUP reloads certificates, and ends no connection", OPENSSL, async (stack) => {
  const { authority, sluice } = await mounted(stack);
  using client = await tlsClient(sluice.port(), authority);
  sluice.kill("SIGHUP");
  await writeText(client, "ping");
  assert.equal(await readText(client, 4), "ping");
  assert.deepEqual(sluice.events("certificate_rejected"), []);
});
