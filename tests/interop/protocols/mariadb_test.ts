/** MariaDB through the proxy, to its port and to its unix socket: many clients, and a session. */

import assert from "node:assert/strict";
import { Sluice } from "../../support/program/program.ts";
import { Home } from "../../support/servers/server_home.ts";
import { interopTest, type Output, run } from "../../support/interop.ts";
import type { RunningServer } from "../../support/servers/server_process.ts";

const MARIADB = {
  needs: ["mariadbd", "mariadb-install-db", "mariadb"],
  install: "apt-get install mariadb-server",
};
const MARIADB_AND_SLAP = { ...MARIADB, needs: [...MARIADB.needs, "mariadb-slap"] };

/** Tables, text that is not ASCII, bytes of every value, a warning for an error, many rows and a large one. */
const SESSION = `
  CREATE DATABASE interop CHARACTER SET utf8mb4;
  USE interop;
  CREATE TABLE people (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(40), photo BLOB);
  INSERT INTO people (name, photo) VALUES ('Zoë', x'000a0d1aff5c27'), ('Ян', NULL);
  INSERT INTO people (name) SELECT MD5(seq) FROM seq_1_to_10000;
  INSERT IGNORE INTO people (id, name) VALUES (1, 'twice');
  SHOW WARNINGS;
  UPDATE people SET name = CONCAT(name, '!') WHERE id <= 2;
  SELECT name, HEX(photo) FROM people WHERE id <= 2 ORDER BY id;
  SELECT COUNT(*), SUM(LENGTH(name)) FROM people;
  SELECT id, name FROM people ORDER BY id;
  SELECT REPEAT('x', 1000000);
  DROP DATABASE interop;
`;

interopTest("MariaDB: mariadb-slap runs, and no client is lost", MARIADB_AND_SLAP, async (stack) => {
  const { mariadb, socket } = await start(stack);
  for (const upstream of [`127.0.0.1:${mariadb.port}`, `unix:${socket}`]) {
    const sluice = stack.use(await Sluice.before(upstream));
    const { text, stderr } = await run("mariadb-slap", [
      ...to(sluice.port()),
      "--auto-generate-sql",
      "--concurrency=4",
      "--number-of-queries=400",
      "--detach=20", // queries on a connection, then a new one
    ]);
    assert.match(text, /Number of clients running queries: 4\n/, upstream);
    assert.match(text, /Average number of queries per client: 100\n/, upstream);
    assert.equal(stderr, "", upstream);
  }
  const { text } = await client(mariadb.port, "SHOW GLOBAL STATUS LIKE 'Aborted%'");
  const status = new Map(text.trimEnd().split("\n").map((line) => line.split("\t") as [string, string]));
  assert.equal(status.get("Aborted_clients"), "0");
  assert.equal(status.get("Aborted_connects"), "0");
});

interopTest("MariaDB: a session gives the same as the direct one", MARIADB, async (stack) => {
  const { mariadb, socket } = await start(stack);
  const proxy = stack.use(await Sluice.before(`127.0.0.1:${mariadb.port}`));
  const proxyToSocket = stack.use(await Sluice.before(`unix:${socket}`));
  const direct = await client(mariadb.port, SESSION);
  const proxied = await client(proxy.port(), SESSION);
  const proxiedToSocket = await client(proxyToSocket.port(), SESSION);

  assert.match(proxied.text, /^Zoë!\t000A0D1AFF5C27\nЯн!\tNULL$/m);
  assert.match(proxied.text, /^10002\t/m);
  assert.ok(proxied.text.length > 1_300_000, `${proxied.text.length} characters`);
  assert.ok(proxied.text === direct.text, "What came through the proxy differs");
  assert.ok(proxiedToSocket.text === direct.text, "What came through the proxy from the socket differs");
});

async function start(stack: AsyncDisposableStack): Promise<{ mariadb: RunningServer; socket: string }> {
  const home = stack.use(await Home.make("mysql"));
  const directories = [`--datadir=${home.path}/data`, `--tmpdir=${home.path}`, "--skip-name-resolve"];
  await home.run("mariadb-install-db", [
    "--no-defaults",
    ...directories,
    "--auth-root-authentication-method=normal",
  ]);
  const socket = `${home.path}/mariadb.sock`;
  const mariadb = stack.use(
    await home.start((port) => ({
      program: "mariadbd",
      args: [
        "--no-defaults",
        ...directories,
        `--socket=${socket}`,
        `--pid-file=${home.path}/mariadb.pid`,
        "--bind-address=127.0.0.1",
        `--port=${port}`,
        "--innodb-flush-log-at-trx-commit=0",
        "--gdb", // so that Ctrl-C in the terminal of the tests ends it too
      ],
      port,
      ready: /ready for connections/,
      stop: "SIGKILL",
    })),
  );
  return { mariadb, socket };
}

function to(port: number): string[] {
  return [
    "--no-defaults",
    "--protocol=tcp",
    "--host=127.0.0.1",
    `--port=${port}`,
    "--user=root",
    "--skip-ssl",
  ];
}

/** Runs statements with the command line client; the output has tabs between columns. */
function client(port: number, statements: string): Promise<Output> {
  return run("mariadb", [...to(port), "--default-character-set=utf8mb4", "--batch"], { input: statements });
}
