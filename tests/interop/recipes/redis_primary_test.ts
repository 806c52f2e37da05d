/** docs/recipes/redis-primary.md */

import assert from "node:assert/strict";
import { interopTest } from "../../support/interop.ts";
import { connect, endOf } from "../../support/peers/sockets.ts";
import { REDIS, startRedis } from "../servers/redis.ts";
import { RedisClient } from "../servers/resp.ts";
import { Recipe } from "./recipe.ts";

const RECIPE = new Recipe("redis-primary");

interopTest("recipe: clients of Redis follow the primary", REDIS, async (stack) => {
  await RECIPE.checkPeer(stack);
  const [one, two] = [await startRedis(stack), await startRedis(stack)];
  using first = await RedisClient.connect(one.port);
  using second = await RedisClient.connect(two.port);
  await second.call("REPLICAOF", "127.0.0.1", String(one.port));
  const addresses = [one, two].map(({ port }) => `127.0.0.1:${port}`);
  const recipe = await RECIPE.start(stack, {
    "10.0.0.21:6379": addresses[0]!,
    "10.0.0.22:6379": addresses[1]!,
    "listen: :6379": "listen: 127.0.0.1:0",
  });
  await recipe.became(addresses[1]!, "down");
  using idle = await connect(recipe.port());
  {
    using client = await RedisClient.connect(recipe.port());
    assert.equal(await client.call("SET", "key", "one"), "+OK\r\n");
  }
  await second.call("REPLICAOF", "NO", "ONE");
  await first.call("REPLICAOF", "127.0.0.1", String(two.port));
  await recipe.became(addresses[0]!, "down");
  await recipe.became(addresses[1]!, "up");
  assert.equal(await endOf(idle), "fin");
  using client = await RedisClient.connect(recipe.port());
  assert.equal(await client.call("SET", "key", "two"), "+OK\r\n");
  assert.equal(await second.call("GET", "key"), "$3\r\ntwo\r\n");
});
