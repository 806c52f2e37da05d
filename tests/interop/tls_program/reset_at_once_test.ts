/** TLS clients that connect and reset before they are accepted: each is counted, and its end has a reason. */

import assert from "node:assert/strict";
import { connectAndReset } from "../../support/peers/sockets.ts";
import { OPENSSL } from "../../support/certificates.ts";
import { interopTest } from "../../support/interop.ts";
import { terminating } from "../../support/program/tls_termination.ts";
import { suspend } from "../../support/program/suspend.ts";

const CLIENTS = 100;

for (const engine of ["node", "deno"] as const) {
  interopTest(
    `${CLIENTS} TLS clients that connect and reset at once leave as many lines, with engine: ${engine}`,
    OPENSSL,
    async (stack) => {
      const { sluice } = await terminating(stack, { tls: () => [`engine: ${engine}`] });
      // The program accepts nothing meanwhile: only the kernel answers.
      await suspend(sluice);
      for (let count = 0; count < CLIENTS; count++) await connectAndReset(sluice.port());
      sluice.kill("SIGCONT");
      const lines = await sluice.loggedEvents("connection_failed", CLIENTS);
      assert.deepEqual([...new Set(lines.map(({ reason }) => reason))], ["client reset"]);
    },
  );
}
