/** Upgrades under load, where the kernel moves clients from a listener that closes to another one (Linux 5.14). */

import assert from "node:assert/strict";
import { run } from "../../support/interop.ts";
import { echo, Upstream } from "../../support/peers/sockets.ts";
import { Sluice, within } from "../../support/program/program.ts";
import { namespaceTest, NetworkNamespace } from "../servers/network_namespace.ts";
import { Conversation, Load } from "./load.ts";

const UPGRADES = 10;
/** Connections between two upgrades. */
const BETWEEN = 100;
const PORT = 5000;
const SOON = 60_000;
const MIGRATE = "/proc/sys/net/ipv4/tcp_migrate_req";

namespaceTest(
  "ten upgrades under load lose no connection, refuse none and let one that is open go on",
  { needs: [], install: "apt-get install" },
  async (stack) => {
    const namespace = await NetworkNamespace.make(stack);
    await run("ip", ["netns", "exec", namespace.name, "sh", "-c", `echo 1 > ${MIGRATE}`]);
    const [near] = namespace.near;
    const server = stack.use(new Upstream(Deno.listen({ hostname: near, port: 0 }), echo));
    const yaml = `
admin: { listen: 127.0.0.1:9000 }
log: { format: json }
services: [{ name: test, listen: "${namespace.far}:${PORT}", upstream: "${near}:${server.port}" }]
`;
    const start = (...args: string[]) =>
      Sluice.withConfig(yaml, args, { wrapper: ["ip", "netns", "exec", namespace.name] });
    let current = stack.use(await start());
    const address = { host: namespace.far, port: PORT };
    const open = stack.use(await Conversation.open(address));
    const load = new Load(address);
    const ended = [];
    try {
      for (let upgrade = 0; upgrade < UPGRADES; upgrade++) {
        await load.served(BETWEEN);
        const next = stack.use(await start("--take-over"));
        ended.push(within(SOON, "the end of an old program", current.ended()));
        current = next;
        if (upgrade > 0) continue;
        // The first program drains, and relays what it has.
        await open.goesOn(BETWEEN);
        await open.end();
      }
      await load.served(BETWEEN);
    } finally {
      await load.stop();
    }
    assert.deepEqual(load.failures, []);
    const codes = (await Promise.all(ended)).map(({ code }) => code);
    assert.deepEqual(codes, Array.from({ length: UPGRADES }, () => 0));
  },
);
