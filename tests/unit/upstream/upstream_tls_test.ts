import assert from "node:assert/strict";
import { mock } from "node:test";
import type { Conn } from "../../../src/net/socket/conn.ts";
import { TlsClient } from "../../../src/net/tls/client.ts";
import { UpstreamTls } from "../../../src/upstream/upstream_tls.ts";
import { FakeConn } from "../../support/fakes/fake_conn.ts";
import { UNVERIFIED_TLS } from "../../support/fakes/upstream_parts.ts";

const MATERIAL = { authorities: undefined, credentials: undefined };
const NEVER = new AbortController().signal;

Deno.test("UpstreamTls requires a certificate for the endpoint's host, or the configured name", async () => {
  const names: unknown[] = [];
  const shaken = new FakeConn();
  mock.method(TlsClient.prototype, "startTls", (_conn: Conn, name: string) => {
    names.push(name);
    return Promise.resolve(shaken);
  });
  try {
    const address = { transport: "tcp", hostname: "db.test", port: 5432 } as const;
    for (const serverName of [undefined, "other.test"]) {
      const tls = new UpstreamTls({ ...UNVERIFIED_TLS, serverName }, MATERIAL);
      assert.equal(await tls.startTls(new FakeConn(), address, NEVER), shaken);
    }
    assert.deepEqual(names, ["db.test", "other.test"]);
  } finally {
    mock.restoreAll();
  }
});

Deno.test("UpstreamTls uses the latest options, and equal options are no change", async () => {
  const clients: unknown[] = [];
  mock.method(TlsClient.prototype, "startTls", function (this: TlsClient, conn: Conn) {
    clients.push(this);
    return Promise.resolve(conn);
  });
  try {
    const address = { transport: "tcp", hostname: "db.test", port: 5432 } as const;
    const tls = new UpstreamTls(UNVERIFIED_TLS, MATERIAL);
    const shake = () => tls.startTls(new FakeConn(), address, NEVER);
    await shake();
    assert.equal(tls.update({ ...MATERIAL }), false);
    await shake();
    const other = { ...MATERIAL, authorities: [] };
    assert.equal(tls.update(other), true);
    await shake();
    assert.equal(tls.update({ ...other }), false);
    await shake();
    const [first, second, third, fourth] = clients;
    assert.equal(first, second);
    assert.notEqual(second, third);
    assert.equal(third, fourth);
  } finally {
    mock.restoreAll();
  }
});
