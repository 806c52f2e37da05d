/** PostgreSQL through the proxy: many short connections, a few long ones, a large result. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Sluice } from "../../support/program/program.ts";
import { CertificateAuthority } from "../../support/certificates.ts";
import { interopTest, run } from "../../support/interop.ts";
import type { RunningServer } from "../../support/servers/server_process.ts";
import {
  POSTGRES,
  POSTGRES_AND_PGBENCH,
  POSTGRES_WITH_TLS,
  query,
  startPostgres,
  to,
} from "../servers/postgres.ts";

interopTest("PostgreSQL: pgbench has no failed transaction", POSTGRES_AND_PGBENCH, async (stack) => {
  const { postgres, sluice } = await start(stack);
  const port = sluice.port();
  await run("pgbench", [...to(port), "--initialize", "--quiet", "postgres"]);
  await assertAllProcessed(["--connect", "--client=4", "--transactions=50"]);
  await assertAllProcessed(["--client=4", "--transactions=200"]);
  // Each transaction writes one row; the count is queried without the proxy.
  const { text } = await run("psql", query(postgres.port, "SELECT count(*) FROM pgbench_history"));
  assert.equal(text, `${4 * 50 + 4 * 200}\n`);

  async function assertAllProcessed(load: string[]) {
    const { text, stderr } = await run("pgbench", [...to(port), "--no-vacuum", ...load, "postgres"]);
    const [, done, asked] = /transactions actually processed: (\d+)\/(\d+)/.exec(text) ?? [];
    assert.ok(Number(asked) > 0 && done === asked, text);
    assert.equal(/number of failed transactions: (\d+)/.exec(text)?.[1] ?? "0", "0"); // since version 15
    assert.doesNotMatch(stderr, /error|fatal/i);
  }
});

interopTest("PostgreSQL: a large result is the same as the direct one", POSTGRES, async (stack) => {
  const { postgres, sluice } = await start(stack);
  const copy = "COPY (SELECT i, md5(i::text) FROM generate_series(1, 200000) AS i) TO STDOUT";
  const direct = await run("psql", query(postgres.port, copy));
  const proxied = await run("psql", query(sluice.port(), copy));
  assert.ok(proxied.stdout.byteLength > 7_000_000, `${proxied.stdout.byteLength} bytes`);
  assert.equal(sha256(proxied.stdout), sha256(direct.stdout));
});

interopTest(
  "PostgreSQL: orderly ends of sessions with TLS are logged as such",
  POSTGRES_WITH_TLS,
  async (stack) => {
    const sessions = 20;
    const { postgres } = await start(stack, { tls: true });
    const sluice = stack.use(
      await Sluice.withConfig(
        `{ log: { format: json }, services: [{ name: pg, listen: 0, upstream: "127.0.0.1:${postgres.port}" }] }`,
      ),
    );
    for (let count = 0; count < sessions; count++) {
      const { text } = await run("psql", query(sluice.port(), "SELECT ssl FROM pg_stat_ssl WHERE ssl"));
      assert.equal(text, "t\n");
    }
    const lines = await sluice.loggedEvents("connection_closed", sessions);
    // Some sessions may end in a reset: a server that closes without reading the close_notify resets the connection,
    // and before the client's FIN that counts.
    const inOrder = lines.filter(({ code }) => code === undefined);
    assert.ok(inOrder.length > sessions / 2, JSON.stringify(lines.map(({ reason }) => reason)));
  },
);

async function start(
  stack: AsyncDisposableStack,
  { tls = false } = {},
): Promise<{ postgres: RunningServer; sluice: Sluice }> {
  const pair = tls
    ? await (stack.use(await CertificateAuthority.create())).issue({ name: "postgres" })
    : undefined;
  const postgres = await startPostgres(stack, { tls: pair });
  return { postgres, sluice: stack.use(await Sluice.before(`127.0.0.1:${postgres.port}`)) };
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
