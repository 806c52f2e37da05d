/** Rolling updates as Kubernetes does them with the manifests of docs/deploy/kubernetes, under load. */

import assert from "node:assert/strict";
import { echo, upstream } from "../../../support/peers/sockets.ts";
import { Clients } from "./clients.ts";
import { manifestTimes, Pod, type PodTimes } from "./pod.ts";
import { PodBalancer } from "./pod_balancer.ts";

Deno.test("rolling updates of two pods with the times of the manifests lose no connection", async () => {
  const { pods, endings, clients, balancer } = await update(manifestTimes(), { replicas: 2, replaced: 3 });
  assert.deepEqual({ lost: clients.lost, refused: balancer.refused }, { lost: [], refused: 0 });
  assert.ok(clients.served >= 100, `only ${clients.served} connections`);
  for (const { code, killed } of endings) assert.deepEqual({ code, killed }, { code: 0, killed: false });
  const ended = pods.slice(0, endings.length);
  const open = ended.map((pod) => Number(pod.event("stopping")!.open));
  assert.ok(open.some((connections) => connections > 0), "there was nothing to drain");
  assert.deepEqual(ended.map((pod) => pod.event("stopped")!.cut), [0, 0, 0]);
});

Deno.test("a rolling update without a drain loses connections, which its clients notice", async () => {
  const { clients } = await update({ ...manifestTimes(), preStop: 0, drain: 0 }, {
    replicas: 1,
    replaced: 1,
  });
  assert.ok(clients.lost.length > 0);
});

/** Replaces this many pods, one after the other, as with `maxSurge: 1` and `maxUnavailable: 0`. */
async function update(times: PodTimes, { replicas, replaced }: { replicas: number; replaced: number }) {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(upstream(echo));
  const balancer = stack.use(new PodBalancer());
  const start = async () => stack.use(await Pod.start(server.address, balancer, times));
  const pods = await Promise.all(Array.from({ length: replicas }, start));
  const clients = new Clients(balancer.port);
  const endings = [];
  for (let index = 0; index < replaced; index++) {
    pods.push(await start());
    // The next one starts while this one drains.
    endings.push(pods[index]!.delete(balancer));
  }
  const ended = await Promise.all(endings);
  await clients.stop();
  return { pods, endings: ended, clients, balancer };
}
