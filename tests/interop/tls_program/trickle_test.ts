/** Clients that send a ClientHello byte by byte and never finish it are all closed after `handshake_timeout`. */

import assert from "node:assert/strict";
import { clientHello } from "../../support/bytes/client_hellos.ts";
import { descriptorsReach, settledDescriptors } from "../../support/peers/descriptors.ts";
import { connect, tryClose } from "../../support/peers/sockets.ts";
import { OPENSSL } from "../../support/certificates.ts";
import { interopTest } from "../../support/interop.ts";
import { NAME, terminating } from "../../support/program/tls_termination.ts";

/** As many handshakes as a service has at a time, and the clients that evict the oldest of them. */
const FIRST = 1024;
const MORE = 1000;
const AT_ONCE = 100;
/** In bytes: more than a client can send during the test. */
const PADDING = 16_000;

for (const certificates of [1, 2]) {
  interopTest(
    `clients that trickle their ClientHello are closed, evicted or not, ${certificates} certificates`,
    OPENSSL,
    async (stack) => {
      const { sluice } = await terminating(stack, {
        tls: () => ["handshake_timeout: 5s"],
        start: { workers: 1 },
        names: certificates === 1 ? [] : [["other.test"]],
      });
      const before = await settledDescriptors(sluice.pid);
      const clients: Deno.TcpConn[] = [];
      const over = new AbortController();
      stack.defer(() => clients.forEach(tryClose));
      await connectMany(FIRST, sluice.port(), clients);
      const trickling = trickle(clients, over.signal);
      await connectMany(MORE, sluice.port(), clients);
      over.abort();
      await trickling;
      await Promise.all([sluice.logged("tls_handshakes_full"), sluice.logged("tls_handshake_timeout")]);
      // The clients themselves have closed nothing.
      assert.equal(
        await descriptorsReach(sluice.pid, before),
        before,
        "handshakes are open that should be over",
      );
    },
  );
}

/** Adds clients, many at a time: on a busy machine, the first must not time out before the last is there. */
async function connectMany(count: number, port: number, clients: Deno.TcpConn[]): Promise<void> {
  for (let left = count; left > 0; left -= AT_ONCE) {
    clients.push(
      ...await Promise.all(Array.from({ length: Math.min(left, AT_ONCE) }, () => connect(port))),
    );
  }
}

/** Sends byte after byte on all connections at once, so that some bytes arrive at the moment of an eviction. */
async function trickle(clients: readonly Deno.TcpConn[], signal: AbortSignal): Promise<void> {
  const hello = clientHello({ sni: NAME, padding: PADDING });
  for (let at = 0; !signal.aborted && at < hello.length - 1; at++) {
    const byte = hello.subarray(at, at + 1);
    await Promise.all(
      clients.slice(0, FIRST).map((conn) => conn.write(byte).catch(() => {/* it was closed */})),
    );
  }
}
