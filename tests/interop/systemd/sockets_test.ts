/** The socket unit under a systemd that runs: what docs/deploy/systemd.md says about it. */

import assert from "node:assert/strict";
import { Load } from "../deploy/load.ts";
import { CONFIGURATION, configurationBefore, dropIn, enter, install, PORT, printed } from "./deployment.ts";
import { echo, Upstream } from "../../support/peers/sockets.ts";
import { machineTest } from "./machine.ts";

const RESTARTS = 3;
/** Connections between two restarts. */
const BETWEEN = 25;

machineTest("restarts refuse no client where systemd holds the socket", async (machine) => {
  await using server = new Upstream(Deno.listen({ hostname: machine.near, port: 0 }), echo);
  await install(machine, configurationBefore(machine, server));
  await machine.write(CONFIGURATION, configurationBefore(machine, server, "systemd:web"));
  await enter(machine, printed("install -m 644 sluice.socket"));
  const load = new Load({ host: machine.far, port: PORT });
  try {
    for (let restart = 0; restart < RESTARTS; restart++) {
      await load.served(BETWEEN);
      await machine.run("systemctl restart sluice");
    }
    await load.served(BETWEEN);
    // What the page allows without ports that sluice binds itself.
    await machine.run("sed -i /CAP_NET_BIND_SERVICE/d /etc/systemd/system/sluice.service");
    await dropIn(machine, "PrivateUsers=yes");
    await machine.run("systemctl restart sluice");
    await load.served(BETWEEN);
  } finally {
    await load.stop();
  }
  assert.deepEqual(load.failures, []);
  const pid = await machine.show("sluice", "MainPID");
  assert.match(await machine.run(`cat /proc/${pid}/status`), /^CapEff:\t0+$/m);
});
