import assert from "node:assert/strict";
import { strangenessOf } from "./expected_ends.ts";
import type { AccessLine } from "../../support/program/access_line.ts";
import { Incidents, type Loss } from "./incidents.ts";

const CLIENT = "127.0.0.1:1000";

function loss(service: string, { wasServed = true, from = 1000, to = 2000 } = {}): Loss {
  return { service, client: CLIENT, from, to, wasServed };
}

function line(service: string, fields: Partial<AccessLine>): AccessLine {
  return { event: "connection_closed", service, client: CLIENT, ended_by: "proxy", reason: "", ...fields };
}

Deno.test("a connection lost while nothing was done has no excuse", () => {
  const incidents = new Incidents();
  for (const code of ["killed", "endpoint_down", "connection_limit", "io_error"]) {
    assert.equal(incidents.excuseFor(loss("trio"), line("trio", { code })), undefined, code);
  }
  assert.equal(incidents.excuseFor(loss("trio"), line("trio", { ended_by: "upstream" })), undefined);
  assert.equal(incidents.excuseFor(loss("plain", { wasServed: false }), undefined), undefined);
});

Deno.test("a kill excuses its client only", () => {
  const incidents = new Incidents();
  incidents.note("kill", CLIENT, 1500);
  assert.equal(incidents.excuseFor(loss("plain"), line("plain", { code: "killed" })), "killed");
  const other = line("plain", { code: "killed", client: "127.0.0.1:1001" });
  assert.equal(incidents.excuseFor(loss("plain"), other), undefined);
});

Deno.test("an outage excuses connections that its upstream ended, at its service, while it lasts and shortly after", () => {
  const incidents = new Incidents();
  const end = incidents.begin("outage", "trio", 5000);
  const byUpstream = line("trio", { ended_by: "upstream", code: "connection_reset" });
  const excuse = (service: string, from: number, to: number) =>
    incidents.excuseFor(loss(service, { from, to }), byUpstream);
  assert.equal(excuse("trio", 4000, 4999), undefined);
  assert.equal(excuse("trio", 4000, 5001), "endpoint down");
  assert.equal(excuse("trio", 90_000, 90_001), "endpoint down", "it is not over");
  end(6000);
  assert.equal(excuse("trio", 6100, 6200), "endpoint down");
  assert.equal(excuse("trio", 9000, 9100), undefined);
  assert.equal(excuse("plain", 5000, 6000), undefined);
  const byProxy = line("trio", { code: "no_endpoint" });
  assert.equal(incidents.excuseFor(loss("trio", { from: 5000, to: 6000 }), byProxy), undefined);
});

Deno.test("only a client that was not served yet may find a service removed, or be refused by a limit", () => {
  const incidents = new Incidents();
  incidents.begin("absent", "extra-1", 1500)(1600);
  const excuse = (service: string, wasServed: boolean, said?: AccessLine) =>
    incidents.excuseFor(loss(service, { wasServed }), said);
  assert.equal(excuse("extra-1", false), "absent");
  assert.equal(excuse("extra-1", true), undefined);
  assert.equal(excuse("extra-2", false), undefined);
  const turnedAway = (service: string) =>
    line(service, { event: "connection_refused", code: "connection_limit" });
  assert.equal(excuse("limited", false, turnedAway("limited")), "limit");
  assert.equal(excuse("limited", true, turnedAway("limited")), undefined);
  assert.equal(excuse("plain", false, turnedAway("plain")), undefined);
  assert.equal(excuse("brief", false, line("brief", { code: "idle_timeout" })), "idle");
  assert.equal(excuse("plain", false, line("plain", { code: "idle_timeout" })), undefined);
});

Deno.test("ends that the soak cannot have caused are unexpected", () => {
  const strange = (service: string, code?: string) =>
    strangenessOf(line(service, code === undefined ? {} : { code })) !== undefined;
  assert.deepEqual([strange("plain"), strange("plain", "killed"), strange("plain", "idle_timeout")], [
    false,
    false,
    true,
  ]);
  assert.deepEqual([strange("brief", "idle_timeout"), strange("trio", "connection_refused")], [false, false]);
  assert.deepEqual([strange("plain", "no_endpoint"), strange("plain", "io_error")], [true, true]);
  assert.notEqual(strangenessOf(line("plain", { event: "undefined" })), undefined);
});
