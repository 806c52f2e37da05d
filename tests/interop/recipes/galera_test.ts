/** docs/recipes/galera.md */

import assert from "node:assert/strict";
import { join } from "node:path";
import { interopTest } from "../../support/interop.ts";
import { connect, readAll } from "../../support/peers/sockets.ts";
import { Home } from "../../support/servers/server_home.ts";
import { MARIADB, MariaDb, session } from "../servers/mariadb.ts";
import { Recipe } from "./recipe.ts";

const RECIPE = new Recipe("galera");
const NEEDS = { needs: [...MARIADB.needs, "socat"], install: "apt-get install mariadb-server socat" };

interopTest("recipe: all clients of Galera use one writer", NEEDS, async (stack) => {
  await RECIPE.checkPeer(stack);
  const [first, second] = [
    await MariaDb.start(stack, { args: ["--bind-address=127.0.0.11", "--server-id=1"] }),
    await MariaDb.start(stack, { args: ["--bind-address=127.0.0.12", "--server-id=2"] }),
  ];
  const check = await ClusterCheck.start(stack, ["127.0.0.11", "127.0.0.12"]);
  const addresses = [`127.0.0.11:${first.port}`, `127.0.0.12:${second.port}`];
  const recipe = await RECIPE.start(stack, {
    "10.0.0.11:3306": addresses[0]!,
    "10.0.0.12:3306": addresses[1]!,
    "10.0.0.13:3306": "127.0.0.13:1",
    "type: clustercheck": `type: clustercheck, port: ${check.port}`,
    "listen: :3306": "listen: 127.0.0.1:0",
  });
  await recipe.became("127.0.0.13:1", "down");
  const writer = async () => (await session(recipe.port(), "SELECT @@server_id")).text.trim();
  for (let client = 0; client < 3; client++) assert.equal(await writer(), "1");

  using idle = await connect(recipe.port());
  await check.set("127.0.0.11", false);
  await recipe.became(addresses[0]!, "down");
  assert.match(new TextDecoder("latin1").decode(await readAll(idle)), /MariaDB/); // the greeting, then the end
  for (let client = 0; client < 3; client++) assert.equal(await writer(), "2");
  const [, down] = await recipe.sluice.loggedEvents("endpoint_down", 2);
  assert.equal(down!["cause"], 'answered "HTTP/1.1 503 Service Unavailable" instead of 200-299');

  await check.set("127.0.0.11", true);
  await recipe.became(addresses[0]!, "up");
  assert.equal(await writer(), "1");
});

/** A script behind socat, as xinetd starts the real one: it says whether the node at its address is in sync. */
class ClusterCheck {
  readonly port: number;
  readonly #home: Home;

  private constructor(home: Home, port: number) {
    this.#home = home;
    this.port = port;
  }

  static async start(stack: AsyncDisposableStack, hosts: readonly string[]): Promise<ClusterCheck> {
    const home = stack.use(await Home.make("nobody"));
    const answer = (status: string, text: string) =>
      `printf 'HTTP/1.1 ${status}\\r\\nContent-Type: text/plain\\r\\nConnection: close\\r\\nContent-Length: ${
        text.length + 2
      }\\r\\n\\r\\n${text}\\r\\n'`;
    // It reads the request: socat drops the answer of a program that ends before all is written to it.
    const script = `#!/bin/sh
while IFS= read -r line && [ \${#line} -gt 1 ]; do :; done
if [ -e ${home.path}/$SOCAT_SOCKADDR ]
then ${answer("200 OK", "Percona XtraDB Cluster Node is synced.")}
else ${answer("503 Service Unavailable", "Percona XtraDB Cluster Node is not synced.")}
fi
`;
    const path = join(home.path, "clustercheck");
    await Deno.writeTextFile(path, script, { mode: 0o755 });
    await Deno.chmod(path, 0o755);
    let free = 0;
    for (const host of hosts) {
      await Deno.writeTextFile(join(home.path, host), "");
      const server = await home.start((port) => {
        free ||= port;
        const listen = `TCP-LISTEN:${free},bind=${host},reuseaddr,fork`;
        const args = ["-d", "-d", listen, `SYSTEM:${path}`];
        return { program: "socat", args, port: free, ready: /listening on/, stop: "SIGTERM" };
      });
      stack.use(server);
    }
    return new ClusterCheck(home, free);
  }

  /** Whether the node at this address is in sync from now on. */
  async set(host: string, isSynced: boolean): Promise<void> {
    if (isSynced) await Deno.writeTextFile(join(this.#home.path, host), "");
    else await Deno.remove(join(this.#home.path, host));
  }
}
