/** A warm pool before a MariaDB that counts connections without a login as errors, and blocks hosts with too many. */

import assert from "node:assert/strict";
import { connect as connectNode } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { PooledProxy } from "../../support/program/pooled_proxy.ts";
import { MARIADB, MariaDb, session } from "../servers/mariadb.ts";
import { namespaceTest, NetworkNamespace } from "../servers/network_namespace.ts";

/** How long a connection may wait, in milliseconds. The default is 5 s; the hour below is shortened in proportion. */
const MAX_IDLE_TIME = 10;
const HOUR = 3600 / 5 * MAX_IDLE_TIME;

/** Clients in that hour: so few that between two of them all waiting connections expire. */
const VISITS = 6;

const MAX_IDLE = 8;

namespaceTest("MariaDB does not block a proxy whose warm pool has few clients", MARIADB, async (stack) => {
  const namespace = await NetworkNamespace.make(stack);
  const mariadb = await MariaDb.start(stack, { namespace, args: ["--performance-schema=ON"] });
  const [proxyHost, otherHost] = namespace.near;
  assert.equal(await mariadb.direct("SELECT @@max_connect_errors, @@skip_name_resolve"), "100\t0\n");
  const proxy = stack.use(
    await PooledProxy.before(`${namespace.far}:${mariadb.port}`, {
      maxIdle: MAX_IDLE,
      maxIdleTime: MAX_IDLE_TIME,
    }),
  );

  // The passing of time is what this tests, so the test pauses and waits for no event.
  for (let visit = 0; visit < VISITS; visit++) {
    await pause(HOUR / VISITS);
    assert.equal(
      (await session(proxy.port, "SELECT SUBSTRING_INDEX(USER(), '@', -1)")).text,
      "host1.example\n",
    );
  }
  const opened = (1 + VISITS) * MAX_IDLE;
  await proxy.until(`${opened} connections to end`, ({ expired, lost }) => expired + lost === opened);
  assert.equal((await session(proxy.port, "SELECT 'in'")).text, "in\n");
  assert.equal(await blockedErrors(mariadb, proxyHost), "0\n");

  // The limit is in force: as many connections without a login from another host make MariaDB block that host.
  const answers: string[] = [];
  for (let knock = 0; knock < 150; knock++) {
    answers.push(await knockOn({ host: namespace.far, port: mariadb.port, localAddress: otherHost }));
  }
  assert.doesNotMatch(answers[0]!, /blocked/);
  assert.match(answers.at(-1)!, /is blocked because of many connection errors/);
  assert.notEqual(await blockedErrors(mariadb, otherHost), "0\n");
  assert.equal((await session(proxy.port, "SELECT 'still in'")).text, "still in\n");
});

/** How often MariaDB turned a host away. */
function blockedErrors(mariadb: MariaDb, host: string): Promise<string> {
  return mariadb.direct(
    `SELECT COUNT_HOST_BLOCKED_ERRORS FROM performance_schema.host_cache WHERE IP = '${host}'`,
  );
}

/** Connects, reads the greeting, and closes. */
function knockOn(to: { host: string; port: number; localAddress: string }): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectNode(to);
    let answer = "";
    socket.setEncoding("latin1");
    socket.on("data", (text) => {
      answer += text;
      socket.destroy();
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(answer));
  });
}
