/** The built-in health checks against the servers that they are for. */

import assert from "node:assert/strict";
import { CHECK_TYPE_NAMES } from "../../../src/config/schema/check_types.ts";
import { interopTest } from "../../support/interop.ts";
import { upstream, writeText } from "../../support/peers/sockets.ts";
import { CheckedGroup } from "../servers/checked_group.ts";
import { startHttp } from "../servers/http_server.ts";
import { DOVECOT, startDovecot } from "../servers/dovecot.ts";
import { startVsftpd, VSFTPD } from "../servers/root_servers.ts";
import { MailServer } from "../servers/mail.ts";
import { MARIADB, MariaDb } from "../servers/mariadb.ts";
import { MOSQUITTO, startMosquitto } from "../servers/mosquitto.ts";
import { POSTGRES_CLUSTER, PostgresNode } from "../servers/postgres_cluster.ts";
import { REDIS, startRedis } from "../servers/redis.ts";
import { RedisClient } from "../servers/resp.ts";

/** Types that a test here has covered. */
const covered = new Set<string>();

function check(type: string): string {
  assert.ok((CHECK_TYPE_NAMES as string[]).includes(type), type);
  covered.add(type);
  return `type: ${type}`;
}

interopTest("the checks of Redis follow a change of roles", REDIS, async (stack) => {
  const [one, two] = [await startRedis(stack), await startRedis(stack)];
  using first = await RedisClient.connect(one.port);
  using second = await RedisClient.connect(two.port);
  const alive = await CheckedGroup.start(stack, [one.port, two.port], check("redis"));
  assert.deepEqual(await alive.results(), ['up: answered "+PONG"', 'up: answered "+PONG"']);
  const primary = await CheckedGroup.start(stack, [one.port, two.port], check("redis_primary"));
  const replica = await CheckedGroup.start(stack, [one.port, two.port], check("redis_replica"));
  const states = (want: string) => (results: readonly string[]) =>
    results.map((each) => each.split(":")[0]).join() === want;
  await first.call("REPLICAOF", "127.0.0.1", String(two.port));
  const [down, up] = await primary.results(states("down,up"));
  assert.match(
    down!,
    /^down: answered "\$\d+\\r\\n# Replication\\r\\nrole:slave\\r\\n.*" without "role:master"$/,
  );
  assert.equal(up, 'up: answered "role:master"');
  await replica.results(states("up,down"));
  await first.call("REPLICAOF", "NO", "ONE");
  await second.call("REPLICAOF", "127.0.0.1", String(one.port));
  await primary.results(states("up,down"));
  const [, link] = await replica.results(states("down,up"));
  assert.equal(link, 'up: answered "master_link_status:up"');
});

interopTest(
  "the checks of Redis say that it asks for a password, and a script gives it",
  REDIS,
  async (stack) => {
    const { port } = await startRedis(stack, ["--requirepass", "open sesame"]);
    const without = await CheckedGroup.start(stack, [port], check("redis_primary"));
    assert.match((await without.results())[0]!, /^down: answered "-NOAUTH .*" without "role:master"$/);
    const script = `script: [
    { send: "AUTH \\"open sesame\\"\\r\\n" }, { expect: "+OK\\r\\n" },
    { send: "INFO replication\\r\\n" }, { expect: { contains: "role:master" } },
  ]`;
    const having = await CheckedGroup.start(stack, [port], script);
    assert.deepEqual(await having.results(), ['up: answered "role:master"']);
  },
);

interopTest(
  "the checks of PostgreSQL distinguish a primary from a standby, before and after its promotion",
  POSTGRES_CLUSTER,
  async (stack) => {
    const primary = await PostgresNode.primary(stack);
    await primary.query("CREATE ROLE sluice LOGIN");
    const standby = await primary.standby(stack);
    const ports = [primary.port, standby.port];
    const alive = await CheckedGroup.start(stack, ports, check("postgres"));
    assert.deepEqual((await alive.results()).map((each) => each.split(":")[0]), ["up", "up"]);
    const primaries = await CheckedGroup.start(stack, ports, check("postgres_primary"));
    const replicas = await CheckedGroup.start(stack, ports, check("postgres_replica"));
    const found = async (group: CheckedGroup) => (await group.results()).map((each) => each.split(":")[0]);
    assert.deepEqual(await found(primaries), ["up", "down"]);
    assert.deepEqual(await found(replicas), ["down", "up"]);
    await standby.promote();
    await primaries.results((results) => results[1]!.startsWith("up"));
    await replicas.results((results) => results[1]!.startsWith("down"));
  },
);

interopTest(
  "the check of PostgreSQL takes a user that does not exist for an answer",
  POSTGRES_CLUSTER,
  async (stack) => {
    const node = await PostgresNode.primary(stack);
    const alive = await CheckedGroup.start(stack, [node.port], check("postgres"));
    assert.deepEqual(await alive.results(), ['up: answered "R\\x00"']);
    const primary = await CheckedGroup.start(stack, [node.port], check("postgres_primary"));
    assert.match((await primary.results())[0]!, /^down: answered "R\\x00.*role \\"sluice\\" does not exist/);
    await node.setAccess(["host all sluice all reject", "host all all all trust"]);
    await alive.results(([result]) => /^up: answered "E.*C28"$/.test(result!));
  },
);

interopTest(
  "the check of MySQL completes a login of an unknown and of a known user",
  MARIADB,
  async (stack) => {
    const mariadb = await MariaDb.start(stack);
    const group = await CheckedGroup.start(stack, [mariadb.port], check("mysql"));
    assert.equal((await group.results())[0], String.raw`up: answered "\x00\x02\xff\x15\x04"`);
    const count = async () =>
      Number((await mariadb.direct("SHOW GLOBAL STATUS LIKE 'Aborted_clients'")).split("\t")[1]);
    const before = await count();
    await mariadb.direct("CREATE USER sluice@'%'");
    await group.results(([result]) => result === String.raw`up: answered "\x00\x02\x00\x00\x00"`);
    // COM_QUIT ends the session in order.
    assert.equal(await count(), before);
  },
);

interopTest("the check of MQTT is a client of mosquitto", MOSQUITTO, async (stack) => {
  const open = await startMosquitto(stack);
  const closed = await startMosquitto(stack, ["allow_anonymous false"]);
  const group = await CheckedGroup.start(stack, [open.port, closed.port], check("mqtt"));
  const [up, down] = await group.results();
  assert.equal(up, String.raw`up: answered " \x02\x00\x00"`);
  assert.match(down!, /^down: step 2: answered " \\x02\\x00\\x05" instead of/);
});

interopTest("the check of IMAP greets dovecot", DOVECOT, async (stack) => {
  const { port } = await startDovecot(stack);
  const group = await CheckedGroup.start(stack, [port], check("imap"));
  assert.deepEqual(await group.results(), ['up: answered "a OK"']);
});

interopTest("the check of FTP greets vsftpd", VSFTPD, async (stack) => {
  const { port } = await startVsftpd(stack);
  const group = await CheckedGroup.start(stack, [port], check("ftp"));
  assert.deepEqual(await group.results(), ['up: answered "221"']);
});

interopTest("the check of SMTP greets a mail server, and waits for the end of a long greeting", {
  needs: [],
  install: "",
}, async (stack) => {
  const mail = stack.use(await MailServer.start());
  const busy = stack.use(upstream((conn) => writeText(conn, "421-too busy\r\n421 now\r\n")));
  const ports = [mail.port, Number(busy.address.split(":")[1])];
  const group = await CheckedGroup.start(stack, ports, check("smtp"));
  assert.deepEqual(await group.results(), [
    'up: answered "221"',
    String.raw`down: step 1: answered "421-too busy\r\n421 now\r\n" without a match of ^220 .*\r?\n`,
  ]);
});

interopTest(
  "the checks of Patroni and clustercheck ask another port",
  { needs: [], install: "" },
  async (stack) => {
    const paths: string[] = [];
    let status = 200;
    const http = await startHttp(stack, (request) => {
      paths.push(new URL(request.url).pathname);
      return new Response('{"state": "running"}', { status });
    });
    for (
      const [type, path] of [["patroni_primary", "/primary"], ["patroni_replica", "/replica"], [
        "clustercheck",
        "/",
      ]] as const
    ) {
      const group = await CheckedGroup.start(stack, [1], `${check(type)}, port: ${http.port}`);
      assert.deepEqual(await group.results(), ['up: answered "HTTP/1.1 200 OK"']);
      assert.ok(paths.includes(path), `${paths}`);
      status = 503;
      const down = await group.results(([result]) => result!.startsWith("down"));
      assert.deepEqual(down, ['down: answered "HTTP/1.1 503 Service Unavailable" instead of 200-299']);
      status = 200;
    }
  },
);

Deno.test("every built-in check has a test here", () => {
  if (covered.size > 0) assert.deepEqual(CHECK_TYPE_NAMES.filter((type) => !covered.has(type)), []);
});
