/** docs/recipes/dns.md */

import assert from "node:assert/strict";
import { eventually } from "../../support/eventually.ts";
import { interopTest } from "../../support/interop.ts";
import { DNSMASQ, DnsServer } from "../../support/servers/dns_server.ts";
import { startHttp } from "../servers/http_server.ts";
import { Recipe } from "./recipe.ts";

const RECIPE = new Recipe("dns");

interopTest("recipe: backends from DNS, with failover", DNSMASQ, async (stack) => {
  await RECIPE.checkPeer(stack);
  const { port } = await startNamed(stack, "127.0.0.51", 0);
  const local = stack.use(new AsyncDisposableStack());
  await startNamed(local, "127.0.0.52", port);
  await startNamed(stack, "127.0.0.53", port);
  await startNamed(stack, "127.0.0.59", port);
  const hosts = (...last: number[]) => ({
    "orders.test": last.map((number) => `127.0.0.${number}`),
    "remote.test": ["127.0.0.59"],
  });
  const dns = await DnsServer.start(stack, { hosts: hosts(51, 52), ttl: 1 });
  const recipe = await RECIPE.start(stack, {
    "orders.remote.internal:8080": `remote.test:${port}`,
    "orders.internal:8080": `orders.test:${port}`,
    "10.0.0.2:53": `127.0.0.1:${dns.address.port}`,
    "listen: :8080": "listen: 127.0.0.1:0",
  });
  const ask = async () => {
    const headers = { connection: "close" };
    return await (await fetch(`http://127.0.0.1:${recipe.port()}/`, { headers })).text();
  };
  /** The servers that answered the last six clients, sorted. */
  const answerers = async () => [...new Set(await Promise.all(Array.from({ length: 6 }, ask)))].sort();
  const until = (...names: string[]) =>
    eventually(`${names}`, answerers, (found) => JSON.stringify(found) === JSON.stringify(names));

  await until("127.0.0.51", "127.0.0.52");
  dns.setHosts(hosts(52));
  await until("127.0.0.52");
  await local.disposeAsync();
  await recipe.became(`127.0.0.52:${port}`, "down");
  assert.deepEqual(await answerers(), ["127.0.0.59"]);
  dns.setHosts(hosts(52, 53));
  await until("127.0.0.53");
});

/** Answers with its address. */
function startNamed(stack: AsyncDisposableStack, hostname: string, port: number) {
  return startHttp(stack, () => new Response(hostname), { hostname, port });
}
