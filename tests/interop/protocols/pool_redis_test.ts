/** Redis behind a warm pool: a session is one client's own, and no command is lost. */

import assert from "node:assert/strict";
import { PooledProxy } from "../../support/program/pooled_proxy.ts";
import { interopTest, run } from "../../support/interop.ts";
import { REDIS, REDIS_AND_TOOLS, startRedis } from "../servers/redis.ts";
import { bulk, RedisClient } from "../servers/resp.ts";

const OK = "+OK\r\n";
const NIL = "$-1\r\n";
const NO_AUTH = /^-NOAUTH /;

for (const reset of ["close", "pass"] as const) {
  interopTest(
    `Redis: database and subscriptions of a client are its own in a warm pool, with reset: ${reset}`,
    REDIS,
    async (stack) => {
      const redis = await startRedis(stack);
      const proxy = stack.use(await warm(redis.port, reset));
      const first = await RedisClient.connect(proxy.port);
      assert.equal(await first.call("SELECT", "5"), OK);
      assert.equal(await first.call("SET", "key", "in database 5"), OK);
      assert.match(await first.call("CLIENT", "INFO"), / db=5 /);
      assert.match(await first.call("SUBSCRIBE", "news"), /subscribe/);

      using meanwhile = await RedisClient.connect(proxy.port);
      await assertFresh(meanwhile);
      first[Symbol.dispose]();
      for (let client = 0; client < 10; client++) {
        await proxy.holds(4);
        using afterwards = await RedisClient.connect(proxy.port);
        await assertFresh(afterwards);
      }
      // No other client received what was published during the first client's subscription or after it.
      assert.equal(await meanwhile.call("PING"), "+PONG\r\n");
      assert.equal(proxy.pool.hits, 12);
      assert.equal(proxy.pool.misses, 0);
    },
  );

  interopTest(
    `Redis: a client of a warm pool never has another's password, with reset: ${reset}`,
    REDIS,
    async (stack) => {
      const redis = await startRedis(stack, ["--requirepass", "secret"]);
      const proxy = stack.use(await warm(redis.port, reset));
      const first = await RedisClient.connect(proxy.port);
      assert.match(await first.call("GET", "key"), NO_AUTH);
      assert.equal(await first.call("AUTH", "secret"), OK);
      assert.equal(await first.call("SET", "key", "private"), OK);

      using meanwhile = await RedisClient.connect(proxy.port);
      assert.match(await meanwhile.call("GET", "key"), NO_AUTH);
      first[Symbol.dispose]();
      for (let client = 0; client < 10; client++) {
        await proxy.holds(4);
        using afterwards = await RedisClient.connect(proxy.port);
        assert.match(await afterwards.call("GET", "key"), NO_AUTH);
      }
      assert.equal(await meanwhile.call("AUTH", "secret"), OK);
      assert.equal(await meanwhile.call("GET", "key"), bulk("private"));
      assert.equal(proxy.pool.hits, 12);
    },
  );
}

interopTest("Redis: redis-benchmark runs through a warm pool", REDIS_AND_TOOLS, async (stack) => {
  const redis = await startRedis(stack);
  const proxy = stack.use(await warm(redis.port, "close"));
  const args = ["-h", "127.0.0.1", "-p", `${proxy.port}`, "-c", "20", "-n", "2000", "-t", "set,get", "--csv"];
  const kept = await run("redis-benchmark", args);
  const renewed = await run("redis-benchmark", [...args, "-k", "0"]); // a connection for each request
  for (const { text, stderr } of [kept, renewed]) {
    assert.match(text, /^"SET","[1-9]/m);
    assert.match(text, /^"GET","[1-9]/m);
    assert.doesNotMatch(stderr, /error/i);
  }
  const { hits, misses, lost } = proxy.pool;
  assert.ok(hits > 8, `${hits} hits`);
  assert.ok(hits + misses >= 2 * 20 + 2 * 2000, `${hits} hits, ${misses} misses`);
  assert.equal(lost, 0);
  using direct = await RedisClient.connect(redis.port);
  const statistics = await direct.call("INFO", "commandstats");
  assert.doesNotMatch(statistics, /(failed|rejected)_calls=[1-9]/);
  assert.ok(Number(/cmdstat_set:calls=(\d+)/.exec(statistics)?.[1]) >= 4000, statistics);
});

/** Asserts that the client is in the state of a new connection. */
async function assertFresh(client: RedisClient): Promise<void> {
  assert.match(await client.call("CLIENT", "INFO"), / db=0 sub=0 psub=0 /);
  assert.equal(await client.call("GET", "key"), NIL);
  // Redis refuses PUBLISH to a subscriber; and a subscriber would receive the message before the answer.
  assert.match(await client.call("PUBLISH", "news", "to whom it may concern"), /^:[01]\r\n$/);
  assert.match(await client.call("CLIENT", "INFO"), / db=0 sub=0 /);
}

/** A proxy whose pool is full. */
async function warm(port: number, reset: "close" | "pass"): Promise<PooledProxy> {
  const proxy = await PooledProxy.before(`127.0.0.1:${port}`, { maxIdle: 4 }, { service: { reset } });
  await proxy.holds(4);
  return proxy;
}
