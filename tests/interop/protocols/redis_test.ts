/** Redis through the proxy: many clients, a session byte by byte, subscriptions, large values. */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { Sluice } from "../../support/program/program.ts";
import { Home } from "../../support/servers/server_home.ts";
import { interopTest, run } from "../../support/interop.ts";
import { bulk, type Command, encode, RedisClient } from "../servers/resp.ts";
import type { RunningServer } from "../../support/servers/server_process.ts";

const REDIS = { needs: ["redis-server"], install: "apt-get install redis-server" };
const REDIS_AND_TOOLS = { ...REDIS, needs: ["redis-server", "redis-benchmark"] };

interopTest("Redis: redis-benchmark runs, and no command fails", REDIS_AND_TOOLS, async (stack) => {
  const { redis, sluice } = await start(stack);
  const requests = 1000;
  const args = ["-h", "127.0.0.1", "-p", `${sluice.port()}`, "-c", "20", "-n", `${requests}`, "--csv"];
  const all = await run("redis-benchmark", args);
  const pipelined = await run("redis-benchmark", [...args, "-t", "set,get", "-P", "16", "-d", "2000"]);

  const rates = rows(all.text);
  for (const name of ["PING_INLINE", "SET", "GET", "INCR", "LPUSH", "SPOP", "ZADD", "MSET (10 keys)"]) {
    assert.ok(rates.get(name)! > 0, `${name} in\n${all.text}`);
  }
  assert.ok(rates.size >= 15, all.text);
  assert.deepEqual([...rows(pipelined.text).keys()], ["SET", "GET"]);
  assert.equal(all.stderr + pipelined.stderr, "");

  using direct = await RedisClient.connect(redis.port);
  const statistics = await direct.call("INFO", "commandstats");
  assert.doesNotMatch(statistics, /(failed|rejected)_calls=[1-9]/);
  // A minimum: each client finishes its last pipeline, so there may be more.
  assert.ok(Number(/cmdstat_set:calls=(\d+)/.exec(statistics)?.[1]) >= 2 * requests, statistics);
  assert.ok(Number(/cmdstat_mset:calls=(\d+)/.exec(statistics)?.[1]) >= requests, statistics);
});

interopTest("Redis: a session gives the same bytes as the direct one", REDIS, async (stack) => {
  const { redis, sluice } = await start(stack);
  const direct = await session(redis.port);
  const proxied = await session(sluice.port());
  assert.deepEqual(proxied, direct);
  assert.deepEqual(proxied.slice(0, 4), ["+OK\r\n", "+OK\r\n", bulk("hello\r\n\0\xff"), "$-1\r\n"]);
  assert.ok(proxied.includes(bulk("value 2999")));
  assert.deepEqual(proxied.slice(-2), ["+OK\r\n", ""]);
});

interopTest("Redis: a subscriber gets what is published directly, in order", REDIS, async (stack) => {
  const { redis, sluice } = await start(stack);
  using subscriber = await RedisClient.connect(sluice.port());
  using publisher = await RedisClient.connect(redis.port);
  assert.equal(
    await subscriber.call("SUBSCRIBE", "news"),
    `*3\r\n${bulk("subscribe")}${bulk("news")}:1\r\n`,
  );

  const texts = Array.from({ length: 1000 }, (_, index) => `message ${index}`);
  // First one command alone, so that no later one can push it along, then a burst.
  assert.equal(await publisher.call("PUBLISH", "news", texts[0]!), ":1\r\n");
  assert.deepEqual(await subscriber.replies(1), [encode(["message", "news", texts[0]!])]);
  const receivers = await publisher.pipeline(texts.slice(1).map((text) => ["PUBLISH", "news", text]));
  assert.deepEqual(new Set(receivers), new Set([":1\r\n"]));
  assert.deepEqual(
    await subscriber.replies(texts.length - 1),
    texts.slice(1).map((text) => encode(["message", "news", text])),
  );
});

interopTest("Redis: a value of 5 MB comes back as it was", REDIS, async (stack) => {
  const { redis, sluice } = await start(stack);
  using proxied = await RedisClient.connect(sluice.port());
  using direct = await RedisClient.connect(redis.port);
  const value = randomBytes(5_000_000).toString("latin1");
  assert.equal(await proxied.call("SET", "large", value), "+OK\r\n");
  // Not assert.equal, which would print both values.
  assert.ok(await direct.call("GET", "large") === bulk(value), "What the proxy delivered to Redis differs");
  assert.ok(await proxied.call("GET", "large") === bulk(value), "What came back through the proxy differs");
});

async function start(stack: AsyncDisposableStack): Promise<{ redis: RunningServer; sluice: Sluice }> {
  const home = stack.use(await Home.make("redis"));
  const redis = stack.use(
    await home.start((port) => ({
      program: "redis-server",
      args: ["--bind", "127.0.0.1", "--port", `${port}`, "--save", "", "--dir", home.path],
      port,
      ready: /Ready to accept connections/,
      stop: "SIGKILL",
    })),
  );
  return { redis, sluice: stack.use(await Sluice.before(`127.0.0.1:${redis.port}`)) };
}

/** Commands one by one, then many in one go, then QUIT: all replies, and what comes after them. */
async function session(port: number): Promise<string[]> {
  using client = await RedisClient.connect(port);
  const replies: string[] = [];
  const commands: Command[] = [
    ["FLUSHALL"],
    ["SET", "key", "hello\r\n\0\xff"],
    ["GET", "key"],
    ["GET", "no such key"],
    ["no-such-command"],
    ["RPUSH", "list", "a", "b", ""],
    ["LRANGE", "list", "0", "-1"],
    ["MULTI"],
    ["INCR", "counter"],
    ["LLEN", "list"],
    ["EXEC"],
  ];
  for (const command of commands) replies.push(await client.call(...command));

  const numbers = Array.from({ length: 3000 }, (_, index) => index);
  const sets = numbers.map((number): Command => ["SET", `key ${number}`, `value ${number}`]);
  const gets = numbers.map((number): Command => ["GET", `key ${number}`]);
  replies.push(...await client.pipeline([...sets, ...gets, ["DBSIZE"]]));

  replies.push(await client.call("QUIT"));
  return [...replies, await client.rest()];
}

/** The requests per second of each test of `redis-benchmark --csv`. */
function rows(csv: string): Map<string, number> {
  const found = csv.matchAll(/^"([^"]+)","([\d.]+)"/gm);
  return new Map(Array.from(found, ([, name, rate]) => [name!, Number(rate)]));
}
