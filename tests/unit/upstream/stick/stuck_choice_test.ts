import assert from "node:assert/strict";
import { ProxyError } from "../../../../src/net/errors.ts";
import type { Endpoint } from "../../../../src/upstream/endpoint.ts";
import { endpointsAt } from "../../../support/fakes/upstream_parts.ts";
import { GroupThreads } from "../group_threads.ts";

const CLIENT = { sourceAddress: "192.0.2.9" };
const REFUSED = new ProxyError("connection_refused", "upstream");

Deno.test("all threads send new clients to the same endpoint, whatever messages are on their way", async () => {
  await using group = new GroupThreads(3, { endpoints: endpointsAt(3), stick: "endpoint" });
  group.controller.start();
  assert.deepEqual(choices(group), ["1", "1", "1"]);
  const [a, b, c] = group.controller.endpoints;
  group.controller.setAdmin(a!, "down");
  assert.deepEqual(choices(group), ["2", "2", "2"], "no thread has heard of it yet");
  group.post.deliver();
  assert.deepEqual(choices(group), ["2", "2", "2"], "one has");
  group.controller.setAdmin(a!, "up");
  group.controller.setAdmin(b!, "down");
  group.controller.setAdmin(a!, "down");
  group.controller.setAdmin(c!, "drain");
  group.controller.setAdmin(b!, "up");
  assert.deepEqual(choices(group), ["2", "2", "2"], "the last that was up");
  while (group.post.deliver(1)) assert.deepEqual(choices(group), ["2", "2", "2"]);
  group.controller.setAdmin(b!, "down");
  assert.deepEqual(choices(group), ["taken_out", "taken_out", "taken_out"]);
});

Deno.test("a thread drops a connection to an endpoint that new clients no longer go to", async () => {
  await using group = new GroupThreads(2, { endpoints: endpointsAt(2), stick: "endpoint" });
  group.controller.start();
  const [, thread] = group.groups;
  const chosen = thread!.enter(CLIENT, []) as Endpoint;
  assert.equal(thread!.keeps(chosen), true);
  group.controller.setAdmin(group.controller.endpoints[0]!, "drain");
  assert.equal(thread!.keeps(chosen), false);
  chosen.leave();
});

Deno.test("a thread asks where to go after a failed connect, and all threads go there", async () => {
  await using group = new GroupThreads(2, { endpoints: endpointsAt(3), stick: "endpoint", onDown: "close" });
  group.controller.start();
  const [here, there] = group.groups;
  const ended: string[] = [];
  using _open = there!.endpoints[0]!.whenDown({ abort: ({ code }) => ended.push(code) });
  const failed = here!.enter(CLIENT, []) as Endpoint;
  failed.leave();
  const decided = here!.stuck!.failed(failed, [], REFUSED)!;
  assert.deepEqual(choices(group), ["1", "1"]);
  group.post.deliver();
  await decided;
  assert.deepEqual(choices(group), ["2", "2"]);
  group.post.deliverAll();
  assert.deepEqual(ended, ["endpoint_down"], "on_down: close leaves no client at the former one");
  const rejected = new ProxyError("tls_certificate_rejected", "upstream");
  assert.equal(here!.stuck!.failed(failed, [], rejected), undefined, "that may be the fault of one service");
  assert.equal(here!.stuck!.failed(failed, [], new ProxyError("endpoint_down", "proxy")), undefined);
});

Deno.test("threads wait for the first choice, and for an endpoint that they have not heard of", async () => {
  const [first, second] = endpointsAt(2);
  await using group = new GroupThreads(1, { endpoints: [first!], stick: "endpoint" });
  const [thread] = group.groups;
  assert.deepEqual([choices(group), thread!.isSettled], [["unknown"], false]);
  group.controller.start();
  assert.deepEqual([choices(group), thread!.isSettled], [["1"], true]);
  group.controller.update({ ...group.controller.config, endpoints: [second!] });
  assert.deepEqual([choices(group), thread!.isSettled], [["unknown"], false]);
  const settled = thread!.settled(new AbortController().signal);
  group.post.deliverAll();
  await settled;
  assert.deepEqual([choices(group), thread!.isSettled], [["2"], true]);
});

/** Where each thread sends its next client: the port, or the reason why there is none. */
function choices(group: GroupThreads): string[] {
  return group.groups.map((thread) => {
    const endpoint = thread.enter(CLIENT, []);
    if (typeof endpoint === "string") return endpoint;
    endpoint.leave();
    return endpoint.key.split(":")[1]!;
  });
}
