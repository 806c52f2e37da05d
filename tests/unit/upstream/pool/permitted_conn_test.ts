import assert from "node:assert/strict";
import { PermittedConn } from "../../../../src/upstream/pool/permitted_conn.ts";
import { Permit } from "../../../../src/upstream/pool/connection_semaphore.ts";
import { FakeConn, readOnce } from "../../../support/fakes/fake_conn.ts";
import { settled } from "../../../support/fakes/fake_time.ts";

class Fixture {
  readonly inner = new FakeConn();
  isLeft = false;
  readonly conn = new PermittedConn(this.inner, new Permit(() => void (this.isLeft = true)));
}

Deno.test("PermittedConn passes reads and writes on, and keeps its permit", async () => {
  const { conn, inner } = new Fixture();
  inner.arrive("hello");
  assert.equal(await readOnce(conn), "hello");
  assert.equal(await conn.write(new TextEncoder().encode("request")), 7);
  assert.equal(inner.written, "request");
});

Deno.test("PermittedConn releases its permit when it is closed or reset while quiet", async () => {
  for (const how of ["close", "reset"] as const) {
    const fixture = new Fixture();
    fixture.conn[how]();
    await settled();
    assert.deepEqual([fixture.isLeft, fixture.inner.isClosed, fixture.inner.isReset], [
      true,
      true,
      how === "reset",
    ]);
  }
});

Deno.test("PermittedConn releases its permit after the last pending call, however that ends", async () => {
  for (const first of ["read", "write"] as const) {
    const fixture = new Fixture();
    const { conn, inner } = fixture;
    const [read, write] = [Promise.withResolvers<number>(), Promise.withResolvers<number>()];
    inner.read = () => read.promise;
    inner.write = () => write.promise;
    const both = Promise.allSettled([conn.read(new Uint8Array(1)), conn.write(new Uint8Array(1))]);
    conn.close();
    const ends = [() => read.reject(new Error("closed")), () => write.resolve(1)];
    if (first === "write") ends.reverse();
    for (const end of ends) {
      await settled();
      assert.equal(fixture.isLeft, false);
      end();
    }
    await both;
    await settled();
    assert.equal(fixture.isLeft, true);
  }
});
