import assert from "node:assert/strict";
import type { Address } from "../../../src/net/address.ts";
import type { Conn, SocketOptions } from "../../../src/net/socket/conn.ts";
import type { DialOptions } from "../../../src/net/socket/dial.ts";
import { ProxyError } from "../../../src/net/errors.ts";
import { UpstreamDialer } from "../../../src/upstream/connector.ts";
import type { UpstreamDialerOptions } from "../../../src/upstream/upstream_dialer.ts";
import { Permit, UNCOUNTED } from "../../../src/upstream/pool/connection_semaphore.ts";
import { UpstreamTls } from "../../../src/upstream/upstream_tls.ts";
import { FakeConn } from "../../support/fakes/fake_conn.ts";
import { FakeTime } from "../../support/fakes/fake_time.ts";
import { ControlledGroup } from "../../support/fakes/upstream_parts.ts";

const NEVER = new AbortController().signal;
const HEADER = new TextEncoder().encode("PROXY ");
const REFUSED = new ProxyError("connection_refused", "upstream");
const LATE = new ProxyError("connect_timeout", "upstream");
const CONFIG = {
  ca: undefined,
  certificate: undefined,
  serverName: undefined,
  verify: true,
  alpn: [],
  starttls: undefined,
};

/** Encrypts nothing, and notes which connections it was given. */
class FakeTls extends UpstreamTls {
  readonly secured: string[] = [];
  readonly shaken = new FakeConn();
  failure: ProxyError | undefined;

  constructor() {
    super(CONFIG, { authorities: undefined, credentials: undefined });
  }

  override startTls(conn: Conn, address: Address, _signal: AbortSignal): Promise<Conn> {
    this.secured.push(`port ${(address as { port: number }).port}, after "${(conn as FakeConn).written}"`);
    if (this.failure === undefined) return Promise.resolve(this.shaken);
    conn.close();
    return Promise.reject(this.failure);
  }
}

class TracedConn extends FakeConn {
  readonly options: unknown[] = [];

  override setOptions({ nodelay, keepalive }: SocketOptions = { nodelay: false, keepalive: false }): void {
    this.options.push(["nodelay", nodelay], ["keepalive", keepalive]);
  }
}

class Fixture extends ControlledGroup {
  readonly conn = new TracedConn();
  readonly dials: [unknown, DialOptions][] = [];
  readonly leg: UpstreamDialer;
  failure: ProxyError | undefined;
  isLeft = false;
  readonly place = new Permit(() => void (this.isLeft = true));

  constructor(options: Partial<UpstreamDialerOptions> = {}) {
    super();
    this.leg = new UpstreamDialer(this.group, {
      adapter: "node",
      connectTimeout: 0,
      nodelay: false,
      keepalive: false,
      sourceAddress: undefined,
      tls: undefined,
      hasPreface: false,
      dial: (address, dialOptions) => {
        this.dials.push([address, dialOptions]);
        return this.failure === undefined ? Promise.resolve(this.conn) : Promise.reject(this.failure);
      },
      ...options,
    });
  }

  get only() {
    return this.group.endpoints[0]!;
  }

  figures() {
    const { connects, failuresBy } = this.endpoints[0]!.control.figures();
    return { connects, failuresBy };
  }
}

Deno.test("UpstreamDialer dials with the service's settings, and sets socket options", async () => {
  await using fixture = new Fixture({ sourceAddress: "192.0.2.7", nodelay: true, keepalive: 5000 });
  const { signal } = new AbortController();
  assert.equal(await fixture.leg.open(fixture.only, UNCOUNTED, signal), fixture.conn);
  assert.deepEqual(fixture.dials, [[fixture.only.address, {
    adapter: "node",
    localAddress: "192.0.2.7",
    signal,
    names: undefined,
  }]]);
  assert.deepEqual(fixture.conn.options, [["nodelay", true], ["keepalive", 5000]]);
  assert.deepEqual(fixture.figures(), { connects: 1, failuresBy: {} });
});

Deno.test("UpstreamDialer counts its duration in seconds", async () => {
  using time = new FakeTime();
  const dialled = Promise.withResolvers<Conn>();
  await using fixture = new Fixture({ dial: () => dialled.promise });
  await time.advance(1000);
  const opening = fixture.leg.open(fixture.only, UNCOUNTED, NEVER);
  await time.advance(500);
  dialled.resolve(fixture.conn);
  await opening;
  assert.equal(fixture.controller.row.figures().connectTime.sum, 0.5);
});

Deno.test("UpstreamDialer releases the permit when the connection closes or fails", async () => {
  await using open = new Fixture();
  const conn = await open.leg.open(open.only, open.place, NEVER);
  assert.equal(open.isLeft, false);
  conn.close();
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual([open.isLeft, open.conn.isClosed], [true, true]);
  await using refused = new Fixture();
  refused.failure = REFUSED;
  await assert.rejects(refused.leg.open(refused.only, refused.place, NEVER), REFUSED);
  assert.equal(refused.isLeft, true);
  assert.deepEqual(refused.figures(), { connects: 0, failuresBy: { connection_refused: 1 } });
});

Deno.test("TLS begins with the connection, or after the header where there is one", async () => {
  for (const hasPreface of [false, true]) {
    const tls = new FakeTls();
    await using fixture = new Fixture({ tls, hasPreface });
    const conn = await fixture.leg.open(fixture.only, UNCOUNTED, NEVER);
    if (hasPreface) {
      assert.deepEqual([conn, tls.secured], [fixture.conn, []]);
      assert.equal(await fixture.leg.begin(fixture.only.address, conn, HEADER, NEVER), tls.shaken);
    } else assert.equal(conn, tls.shaken);
    assert.deepEqual(tls.secured, [`port 1, after "${hasPreface ? "PROXY " : ""}"`]);
  }
});

Deno.test("UpstreamDialer distinguishes failed and late handshakes from failed dials", async () => {
  for (const [failure, code] of [[LATE, "tls_handshake_timeout"], [REFUSED, "connection_refused"]] as const) {
    const tls = new FakeTls();
    tls.failure = failure;
    await using fixture = new Fixture({ tls });
    await assert.rejects(fixture.leg.open(fixture.only, fixture.place, NEVER), { code, side: "upstream" });
    await new Promise((resolve) => setTimeout(resolve));
    assert.deepEqual([fixture.conn.isClosed, fixture.isLeft], [true, true]);
    assert.deepEqual(fixture.figures(), { connects: 0, failuresBy: { [code]: 1 } });
  }
  await using fixture = new Fixture();
  fixture.failure = LATE;
  await assert.rejects(fixture.leg.open(fixture.only, UNCOUNTED, NEVER), LATE);
});

Deno.test("UpstreamDialer closes a connection whose options cannot be set", async () => {
  await using fixture = new Fixture({ nodelay: true });
  fixture.conn.setOptions = () => {
    throw new Deno.errors.ConnectionReset("reset");
  };
  await assert.rejects(fixture.leg.open(fixture.only, UNCOUNTED, NEVER), { code: "connection_reset" });
  assert.equal(fixture.conn.isClosed, true);
});

Deno.test("UpstreamDialer closes a connection that takes no header, or on abort", async () => {
  await using broken = new Fixture();
  const cause = new Deno.errors.BrokenPipe("broken");
  broken.conn.write = () => Promise.reject(cause);
  await assert.rejects(broken.leg.begin(broken.only.address, broken.conn, HEADER, NEVER), {
    code: "connection_reset",
    side: "upstream",
    cause,
  });
  assert.equal(broken.conn.isClosed, true);
  await using stopped = new Fixture();
  await assert.rejects(
    stopped.leg.begin(stopped.only.address, stopped.conn, HEADER, AbortSignal.abort(LATE)),
    LATE,
  );
  assert.deepEqual([stopped.conn.isClosed, stopped.conn.written], [true, ""]);
  assert.deepEqual(stopped.figures(), { connects: 0, failuresBy: {} });
});

Deno.test("UpstreamDialer does not count the proxy's own faults against the endpoint", async () => {
  await using fixture = new Fixture();
  fixture.failure = new ProxyError("too_many_open_files", "proxy");
  await assert.rejects(fixture.leg.open(fixture.only, UNCOUNTED, NEVER), fixture.failure);
  assert.deepEqual(fixture.figures(), { connects: 0, failuresBy: {} });
});
