import assert from "node:assert/strict";
import { ProxyError } from "../../../src/net/errors.ts";
import { Lease } from "../../../src/upstream/endpoint.ts";
import { FakeConn } from "../../support/fakes/fake_conn.ts";
import { ControlledGroup } from "../../support/fakes/upstream_parts.ts";

const RESET = new ProxyError("connection_reset", "upstream");

Deno.test("Lease counts a connection that its upstream resets at once, without a byte, as failed", async () => {
  await using fixture = new ControlledGroup();
  const [only] = fixture.endpoints;
  const lease = new Lease(fixture.group, only!.used, new FakeConn());
  const failures = () => only!.control.figures().failures;
  lease.failed(new ProxyError("connection_reset", "client"), 0, 0);
  lease.failed(new ProxyError("idle_timeout", "upstream"), 0, 0);
  lease.failed(RESET, 1, 0);
  assert.equal(failures(), 0);
  lease.failed(RESET, 0, 0);
  assert.equal(failures(), 1);
  lease.failed(RESET, 0, 999);
  assert.equal(failures(), 2);
  lease.failed(RESET, 0, 1000);
  assert.equal(failures(), 2, "it worked for a second");
});

Deno.test("Lease.dispose() closes the connection and releases its permit once", async () => {
  await using fixture = new ControlledGroup();
  const { used, control } = fixture.endpoints[0]!;
  assert.deepEqual([used.enter(), used.enter()], [true, true]);
  const conn = new FakeConn();
  const lease = new Lease(fixture.group, used, conn);
  assert.equal(lease.conn, conn);
  const aborts: string[] = [];
  lease.whenDown({ abort: ({ code }) => aborts.push(code) });
  fixture.controller.setAdmin(control, "down");
  assert.deepEqual(aborts, ["endpoint_down"]);
  lease[Symbol.dispose]();
  lease[Symbol.dispose]();
  assert.deepEqual([conn.isClosed, used.active], [true, 1]);
  used.abortConnections(RESET);
  assert.equal(aborts.length, 1);
  used.leave();
});

Deno.test("Lease without an end callback is released too", async () => {
  await using fixture = new ControlledGroup();
  const { used } = fixture.endpoints[0]!;
  used.enter();
  new Lease(fixture.group, used, new FakeConn())[Symbol.dispose]();
  assert.equal(used.active, 0);
});
