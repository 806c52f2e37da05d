/** Taking endpoints out of use and back in, while clients come and stay. */

import assert from "node:assert/strict";
import type { EndpointView, UpstreamView } from "../../../src/admin/views.ts";
import { Admin } from "../../support/program/admin.ts";
import { brief } from "../../support/program/event_reader.ts";
import { eventually } from "../../support/eventually.ts";
import { Clients, countsOf, NamedServers, Visits } from "../../support/peers/named_server.ts";
import { Sluice, workers } from "../../support/program/program.ts";
import { connect, endOf } from "../../support/peers/sockets.ts";

Deno.test("an endpoint set to drain gets no new clients and keeps its own, until it is up again", async () => {
  await using fixture = await Fixture.start();
  const { admin, members: [a], port, visits } = fixture;
  using clients = await Clients.connect(port, 4);
  assert.deepEqual(clients.counts, { a: 2, b: 2 });
  const view = await admin.setEndpoint(a.address, "drain");
  assert.deepEqual([view.address, view.state, view.admin, view.active], [a.address, "up", "drain", 2]);
  assert.deepEqual(countsOf(await visits.make(10)), { b: 10 });
  await clients.checkAlive();
  assert.deepEqual(await fixture.adminStates(), ["drain", "up"]);
  await admin.setEndpoint(a.address, "up");
  assert.deepEqual(countsOf(await visits.make(10)), { a: 5, b: 5 });
  await clients.checkAlive();
});

Deno.test("an endpoint set to down loses its clients at once, and gets none until it is up again", async () => {
  await using fixture = await Fixture.start();
  const { admin, sluice, members: [a], port, visits } = fixture;
  using events = await admin.events();
  using clients = await Clients.connect(port, 4);
  const view = await admin.setEndpoint(a.address, "down");
  assert.equal(view.admin, "down");
  assert.deepEqual(await clients.ended("a"), ["fin", "fin"]);
  assert.deepEqual(countsOf(await visits.make(10)), { b: 10 });
  clients.leave("a");
  await clients.checkAlive();
  const closed = await sluice.loggedEvents("connection_closed", 2 + 10);
  const lost = closed.filter(({ code }) => code === "endpoint_down");
  // The events of another thread may come first.
  if (workers === 1) assert.deepEqual(lost, closed.slice(0, 2));
  assert.deepEqual(lost.map(({ code, endpoint }) => [code, endpoint]), [
    ["endpoint_down", a.address],
    ["endpoint_down", a.address],
  ]);
  const [change] = (await events.until(({ type }) => type === "endpoint")).filter(({ type }) =>
    type === "endpoint"
  );
  assert.deepEqual(change, {
    type: "endpoint",
    time: change!.time,
    upstream: "group",
    endpoint: a.address,
    state: "up",
    admin: "down",
    reason: "operator",
  });
  await admin.setEndpoint(a.address, "up");
  assert.deepEqual(countsOf(await visits.make(10)), { a: 5, b: 5 });
});

for (const state of ["down", "drain"] as const) {
  Deno.test(`clients are refused when every endpoint is set to ${state}`, async () => {
    await using fixture = await Fixture.start();
    const { admin, sluice, members, port, visits } = fixture;
    for (const member of members) await admin.setEndpoint(member.address, state);
    const before = members.map(({ clients }) => clients);
    using events = await admin.events();
    using client = await connect(port);
    assert.equal(await endOf(client), "fin");
    const seen = await events.until(({ type }) => type === "failed");
    assert.deepEqual(seen.map(brief), ["opened", "failed no_endpoint"]);
    assert.deepEqual(await visits.make(5), ["", "", "", "", ""]);
    assert.deepEqual(members.map(({ clients }) => clients), before);
    const [line] = await sluice.loggedEvents("connection_failed", 1);
    assert.equal(line!.code, "no_endpoint");
    // What an operator has set applies regardless of health.
    assert.deepEqual(await fixture.adminStates(), [state, state]);
    await admin.setEndpoint(members[1].address, "up");
    assert.deepEqual(countsOf(await visits.make(4)), { b: 4 });
  });
}

Deno.test("an unknown endpoint or state is an error", async () => {
  await using fixture = await Fixture.start();
  const { admin, members: [a] } = fixture;
  const codes = await Promise.all([
    admin.ask("POST", "/api/v1/upstreams/group/127.0.0.1:1", { state: "down" }),
    admin.ask("POST", `/api/v1/upstreams/other/${a.address}`, { state: "down" }),
    admin.ask("POST", `/api/v1/upstreams/group/${a.address}`, { state: "off" }),
    admin.ask("POST", `/api/v1/upstreams/group/${a.address}`),
  ]);
  assert.deepEqual(codes.map(({ text }) => JSON.parse(text).error.code), [
    "no_such_endpoint",
    "no_such_endpoint",
    "bad_body",
    "bad_body",
  ]);
  assert.deepEqual(await fixture.adminStates(), ["up", "up"]);
});

/** A program before the members "a" and "b", which its health checks have found to be up. */
class Fixture implements AsyncDisposable {
  readonly #all: NamedServers;
  readonly sluice: Sluice;
  readonly admin: Admin;
  readonly visits: Visits;

  private constructor(members: NamedServers, sluice: Sluice) {
    this.#all = members;
    this.sluice = sluice;
    this.admin = new Admin(sluice);
    this.visits = new Visits(sluice.port());
  }

  static async start(): Promise<Fixture> {
    const members = await NamedServers.start("ab");
    const sluice = await Sluice.withConfig(`
admin: { listen: 127.0.0.1:0 }
log: { format: json }
upstreams:
  group:
    endpoints: [${members.endpoints.join(", ")}]
    health_check: { send: PING, expect: +PONG, interval: 10m }
services: [{ name: test, listen: 0, upstream: group }]
`);
    const fixture = new Fixture(members, sluice);
    await fixture.#checked();
    return fixture;
  }

  get members(): [NamedServers["all"][number], NamedServers["all"][number]] {
    const [a, b] = this.#all.all;
    return [a!, b!];
  }

  get port(): number {
    return this.sluice.port();
  }

  async adminStates(): Promise<EndpointView["admin"][]> {
    return (await this.#endpoints()).map(({ admin }) => admin);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sluice[Symbol.asyncDispose]();
    await this.#all[Symbol.asyncDispose]();
  }

  async #endpoints(): Promise<readonly EndpointView[]> {
    return (await this.admin.view<UpstreamView[]>("upstreams"))[0]!.endpoints;
  }

  async #checked(): Promise<void> {
    await eventually("readiness", () => this.admin.ask("GET", "/readyz"), ({ status }) => status === 200);
  }
}
