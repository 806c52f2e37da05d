/** docs/recipes/postgres-primary.md */

import assert from "node:assert/strict";
import { interopTest, run } from "../../support/interop.ts";
import { startHttp } from "../servers/http_server.ts";
import { POSTGRES_CLUSTER, PostgresNode, psqlArgs } from "../servers/postgres_cluster.ts";
import { Recipe } from "./recipe.ts";

const RECIPE = new Recipe("postgres-primary");

interopTest(
  "recipe: clients of PostgreSQL follow the primary of Patroni",
  POSTGRES_CLUSTER,
  async (stack) => {
    await RECIPE.checkPeer(stack);
    const primary = await PostgresNode.primary(stack, "127.0.0.31");
    await primary.query("CREATE TABLE written (by text)");
    const standby = await primary.standby(stack, "127.0.0.32");
    const { port } = await startPatroni(stack, primary, 0);
    await startPatroni(stack, standby, port);
    const addresses = [`127.0.0.31:${primary.port}`, `127.0.0.32:${standby.port}`];
    const recipe = await RECIPE.start(stack, {
      "10.0.0.31:5432": addresses[0]!,
      "10.0.0.32:5432": addresses[1]!,
      "port: 8008": `port: ${port}`,
      "type: patroni_replica": `type: patroni_replica, port: ${port}`,
      "listen: :5000": "listen: 127.0.0.1:0",
      "listen: :5001": "listen: 127.0.0.1:0",
    });
    const query = async (service: number, sql: string) =>
      (await run("psql", psqlArgs(recipe.port(service), sql))).text.trim();
    // Each group finds one of them down.
    await recipe.sluice.loggedEvents("endpoint_down", 2);
    assert.equal(await query(0, "INSERT INTO written VALUES ('first') RETURNING by"), "first\nINSERT 0 1");
    assert.equal(await query(1, "SELECT pg_is_in_recovery()"), "t");

    await primary[Symbol.asyncDispose]();
    await standby.promote();
    await recipe.became(addresses[1]!, "up");
    assert.equal(await query(0, "INSERT INTO written VALUES ('second') RETURNING by"), "second\nINSERT 0 1");
    assert.equal(await standby.query("SELECT count(*) FROM written WHERE by = 'second'"), "1");
  },
);

/** Answers as Patroni does, from the state of the server. */
function startPatroni(stack: AsyncDisposableStack, node: PostgresNode, port: number) {
  return startHttp(stack, async (request) => {
    const role = await node.query("SELECT pg_is_in_recovery()").catch(() => "stopped");
    const isAsked = { "/primary": "f", "/replica": "t" }[new URL(request.url).pathname] === role;
    return new Response(null, { status: isAsked ? 200 : 503 });
  }, { hostname: node.host, port });
}
