import assert from "node:assert/strict";
import { descriptorsReach, settledDescriptors } from "../../support/peers/descriptors.ts";
import { Sluice } from "../../support/program/program.ts";
import {
  connect,
  echo,
  endOf,
  readText,
  tryClose,
  upstream,
  writeText,
} from "../../support/peers/sockets.ts";

const isLinux = Deno.build.os === "linux";
const onLinux = isLinux ? "" : " (skipped: reads /proc, which needs Linux)";

for (const reset of ["close", "pass"]) {
  Deno.test({
    name: `500 connections opened and closed leave no descriptor behind, with reset: ${reset}${onLinux}`,
    ignore: !isLinux,
    async fn() {
      await using server = upstream(echo);
      await using sluice = await Sluice.before(server.address, [`reset: ${reset}`]);
      await exchange(sluice.port());
      const before = await settledDescriptors(sluice.pid);
      for (let batch = 0; batch < 10; batch++) {
        const clients = await Promise.all(Array.from({ length: 50 }, () => connect(sluice.port())));
        await Promise.all(clients.map((client) => writeText(client, "ping")));
        await Promise.all(clients.map((client) => readText(client, 4)));
        // Every other client leaves without a FIN of its own.
        await Promise.all(clients.map(async (client, index) => {
          if (index % 2 === 0) await client.closeWrite();
          if (index % 2 === 0) await endOf(client);
          client.close();
        }));
      }
      assert.equal(await descriptorsReach(sluice.pid, before), before);
    },
  });
}

Deno.test({
  name: `failed dials leave no descriptor behind${onLinux}`,
  ignore: !isLinux,
  async fn() {
    await using sluice = await Sluice.before("127.0.0.1:1");
    using first = await connect(sluice.port());
    await endOf(first);
    const before = await settledDescriptors(sluice.pid);
    const clients = await Promise.all(Array.from({ length: 100 }, () => connect(sluice.port())));
    await Promise.all(clients.map(endOf));
    for (const client of clients) client.close();
    assert.equal(await descriptorsReach(sluice.pid, before), before);
  },
});

Deno.test({
  name: `200 clients with 64 descriptors take little CPU and the proxy recovers${onLinux}`,
  ignore: !isLinux,
  async fn() {
    await using server = upstream(echo);
    await using sluice = await Sluice.before(server.address, [], {
      wrapper: ["prlimit", "--nofile=64"],
    });
    const clients = await Promise.all(Array.from({ length: 200 }, () => connect(sluice.port())));
    assert.match(
      await sluice.logged("cannot accept"),
      /cannot accept connections, trying again .*Too many open files/i,
    );
    const busy = await cpuShare(sluice.pid, 3000);
    assert.ok(busy < 0.2, `took ${Math.round(busy * 100)} % of a core while out of descriptors`);
    for (const client of clients) client.close();
    await exchange(sluice.port());
    const lines = sluice.stderr.split("\n").filter((line) => line.includes("cannot accept"));
    assert.ok(lines.length <= 10, `${lines.length} lines about one shortage`);
  },
});

Deno.test({
  name: `a listener on node:net recovers from a shortage of descriptors too${onLinux}`,
  ignore: !isLinux,
  async fn() {
    await using server = upstream(echo);
    await using sluice = await Sluice.before(server.address, ["reset: pass"], {
      wrapper: ["prlimit", "--nofile=64"],
    });
    const clients = await Promise.all(Array.from({ length: 200 }, () => connect(sluice.port())));
    assert.match(await sluice.logged("failed,"), /failed, too many open files/);
    for (const client of clients) client.close();
    await exchange(sluice.port());
  },
});

/** One request and answer through the proxy, tried until the proxy has descriptors again. */
async function exchange(port: number): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    try {
      return await tryExchange(port);
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
  }
}

async function tryExchange(port: number): Promise<void> {
  const client = await connect(port);
  // A listener that accepts nothing must not block the test.
  const patience = setTimeout(() => client.close(), 3000);
  try {
    await writeText(client, "ping");
    assert.equal(await readText(client, 4), "ping");
  } finally {
    clearTimeout(patience);
    tryClose(client);
  }
}

/** The share of one core that a process took during `milliseconds`. */
async function cpuShare(pid: number, milliseconds: number): Promise<number> {
  const before = await cpuTicks(pid);
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  const ticks = await cpuTicks(pid) - before;
  // USER_HZ is 100 on every Linux that Deno runs on.
  return ticks * 10 / milliseconds;
}

async function cpuTicks(pid: number): Promise<number> {
  const fields = (await Deno.readTextFile(`/proc/${pid}/stat`)).replace(/^.*\) /s, "").split(" ");
  return Number(fields[11]) + Number(fields[12]);
}
