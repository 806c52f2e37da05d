/** A worker that dies takes its connections with it, and nothing else. */

import assert from "node:assert/strict";
import { type RunningProxy, startProxy } from "../../../main.ts";
import { eventually } from "../../support/eventually.ts";
import {
  connect,
  echo,
  endOf,
  readText,
  tryClose,
  upstream,
  writeText,
} from "../../support/peers/sockets.ts";
import { listenersOf } from "../../support/peers/listeners_of.ts";
import { StartedWorkers } from "../../support/started_workers.ts";

const CLIENTS = 40;

Deno.test({
  name: "a worker that dies is replaced; the other one's connections continue, and every count is right",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    using workers = new StartedWorkers();
    await using server = upstream(echo);
    await using proxy = await startProxy({
      workers: 2,
      services: [{
        name: "test",
        listen: 0,
        upstream: server.address,
        limits: { connections: CLIENTS, connectionsPerClient: CLIENTS },
      }],
    });
    assert.equal(workers.all.length, 2);
    const port = Number(/:(\d+)$/.exec(proxy.services[0]!.listen[0]!)![1]);
    const clients: Deno.TcpConn[] = [];
    try {
      const fill = async () => {
        while (clients.length < CLIENTS) {
          const client = await connect(port);
          clients.push(client);
          await roundTrip(client);
        }
      };
      await fill();
      for (let death = 1; death <= 3; death++) {
        await eventually("all clients and no others", () => active(proxy), (count) => count === CLIENTS);
        // As the runtime does when a worker cannot continue.
        workers.all.at(-1)!.dispatchEvent(
          new ErrorEvent("error", { message: "on purpose", cancelable: true }),
        );
        // It ends after its turn; its accounts are settled at once.
        const left = active(proxy);
        assert.ok(left > 0 && left < CLIENTS, `${left} of ${CLIENTS} are left`);
        const alive = await eventually(
          "the end of the others",
          () => survivors(clients),
          ({ length }) => length <= left,
        );
        assert.equal(alive.length, left);
        for (const client of clients.splice(0)) if (!alive.includes(client)) tryClose(client);
        clients.push(...alive);
        await eventually("another worker", () => workers.all.length, (count) => count === 2 + death);
        await eventually("its listener", () => listenersOf(port), (count) => count === 2);
        // Their places are free again, for the service and for the client, and no more than that.
        await fill();
        using tooMany = await connect(port);
        assert.equal(await endOf(tooMany).then((end) => end !== ""), true);
        await eventually("the refusal", () => proxy.figures()[0]!.refused, (refused) => refused === death);
      }
      for (const client of clients) client.close();
      await eventually("no connection", () => active(proxy), (count) => count === 0);
    } finally {
      for (const client of clients) tryClose(client);
    }
  },
});

Deno.test({
  name: "a worker that is replaced has the current faults with their counts, and does not bind what is down",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    using workers = new StartedWorkers();
    await using server = upstream(echo);
    await using proxy = await startProxy({
      workers: 2,
      services: ["a", "b"].map((name) => ({ name, listen: 0, upstream: server.address })),
    });
    const [a, b] = [proxy.service("a"), proxy.service("b")];
    const faults = a.faults;
    const replaced = await faults.add({ type: "replace", find: "ping", replacement: "none" });
    await faults.add({ type: "refuse", times: 2 });
    assert.equal(await answerOf(a.port), "ConnectionReset");
    await replaced.update({ replacement: "pong" });
    await b.down();
    for (let death = 1; death <= 2; death++) {
      workers.all[death - 1]!.dispatchEvent(
        new ErrorEvent("error", { message: "on purpose", cancelable: true }),
      );
      await eventually("another worker", () => workers.all.length, (count) => count === 2 + death);
      await eventually("its listener", () => listenersOf(a.port), (count) => count === 2);
    }
    assert.equal(await answerOf(a.port), "ConnectionReset");
    for (let count = 0; count < 10; count++) assert.equal(await answerOf(a.port), "pong");
    assert.deepEqual(faults.list().map(({ applied }) => applied), [10, 2]);
    assert.equal(await listenersOf(b.port), 0);
    await b.up();
    assert.equal(await listenersOf(b.port), 2);
    assert.equal(await answerOf(b.port), "ping");
  },
});

/** The upstream's answer through the proxy, or the error of a reset client. */
async function answerOf(port: number): Promise<string> {
  try {
    using client = await connect(port);
    await writeText(client, "ping");
    return await readText(client, 4);
  } catch (error) {
    return (error as Error).name;
  }
}

function active(proxy: RunningProxy): number {
  return proxy.figures()[0]!.active;
}

/** Those that still get answers. */
async function survivors(clients: readonly Deno.TcpConn[]): Promise<Deno.TcpConn[]> {
  const answers = await Promise.all(clients.map((client) => roundTrip(client).then(() => true, () => false)));
  return clients.filter((_, index) => answers[index]);
}

async function roundTrip(client: Deno.Conn): Promise<void> {
  await writeText(client, "ping");
  assert.equal(await readText(client, 4), "ping");
}
