import assert from "node:assert/strict";
import { ProxyError } from "../../../src/net/errors.ts";
import { ReadAheadConn } from "../../../src/net/socket/read_ahead_conn.ts";
import { ClientWatch } from "../../../src/proxy/client_watch.ts";
import { FakeConn, readOnce } from "../../support/fakes/fake_conn.ts";
import { settled } from "../../support/fakes/fake_time.ts";

class Fixture {
  readonly socket = new FakeConn();
  readonly client: ReadAheadConn;
  readonly stopping = new AbortController();
  /** The codes with which the wait has ended, and what is around it. */
  readonly wait: string[] = [];
  readonly outer: string[] = [];
  readonly watch: ClientWatch;

  constructor(capacity = 8) {
    this.client = new ReadAheadConn(this.socket, capacity);
    this.watch = new ClientWatch(
      this.client,
      { abort: ({ code }) => this.wait.push(code) },
      { abort: ({ code }) => this.outer.push(code) },
      this.stopping.signal,
    );
  }

  async arrive(what: string | Error): Promise<void> {
    this.socket.arrive(what);
    await settled();
  }
}

Deno.test("ClientWatch ends the wait of a client that closes without a byte", async () => {
  const fixture = new Fixture();
  await fixture.arrive("end");
  assert.deepEqual([fixture.wait, fixture.outer], [["client_left"], []]);
});

Deno.test("ClientWatch ends the wait of a client that resets, whatever it has sent", async () => {
  const fixture = new Fixture();
  await fixture.arrive("ping");
  await fixture.arrive(new Deno.errors.ConnectionReset("reset"));
  assert.deepEqual(fixture.wait, ["connection_reset"]);
});

Deno.test("ClientWatch lets a client wait that has sent something and finished, and its bytes are kept", async () => {
  const fixture = new Fixture();
  await fixture.arrive("ping");
  await fixture.arrive("end");
  assert.deepEqual(fixture.wait, []);
  assert.deepEqual([await readOnce(fixture.client), await readOnce(fixture.client)], ["ping", null]);
});

Deno.test("ClientWatch reads no more than there is room for", async () => {
  const fixture = new Fixture(8);
  await fixture.arrive("four");
  await fixture.arrive("teen");
  assert.equal(fixture.socket.isRead, false);
  await fixture.arrive("more");
  assert.equal(await readOnce(fixture.client), "fourteen");
  assert.equal(await readOnce(fixture.client), "more");
});

Deno.test("ClientWatch changes nothing once the wait is over, and leaves the pending read to the next reader", async () => {
  const fixture = new Fixture();
  fixture.watch[Symbol.dispose]();
  await fixture.arrive("ping");
  assert.equal(await readOnce(fixture.client), "ping");
  await fixture.arrive("end");
  fixture.stopping.abort(new ProxyError("shutdown", "proxy"));
  assert.deepEqual(fixture.wait, []);
});

Deno.test("ClientWatch ends the wait when the service stops, and all of it when the connection is aborted", () => {
  const fixture = new Fixture();
  fixture.stopping.abort(new ProxyError("shutdown", "proxy"));
  assert.deepEqual([fixture.wait, fixture.outer], [["shutdown"], []]);
  fixture.watch.abort(new ProxyError("killed", "proxy"));
  assert.deepEqual([fixture.wait, fixture.outer], [["shutdown", "killed"], ["killed"]]);
  const late: string[] = [];
  new ClientWatch(
    fixture.client,
    { abort: ({ code }) => late.push(code) },
    { abort() {} },
    fixture.stopping.signal,
  );
  assert.deepEqual(late, ["shutdown"]);
});
