import assert from "node:assert/strict";
import { join } from "node:path";
import { exists } from "../../support/program/directory.ts";
import { FIRST_ID } from "../../support/program/several_threads.ts";
import { Sluice, sluiceCommand } from "../../support/program/program.ts";
import {
  connect,
  echo,
  endOf,
  readAll,
  readText,
  refusingAddress,
  upstream,
  writeText,
} from "../../support/peers/sockets.ts";

const ANSI = "\x1b[";

Deno.test("a closed connection has one line of text with all its facts", async () => {
  await using server = upstream(answerSeven);
  await using sluice = await Sluice.before(server.address);
  const clientPort = await converse(sluice.port());
  const line = await sluice.logged("closed,");
  const expected = [
    "\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d{3} info  test: closed, client closed event=connection_closed",
    `service=test client=127\\.0\\.0\\.1:${clientPort} id=${FIRST_ID} listener=${sluice.address()}`,
    `upstream=${server.address} endpoint=${server.address} attempts=1 connect_ms=[\\d.]+`,
    "first_byte_client_ms=[\\d.]+ first_byte_upstream_ms=[\\d.]+ bytes_from_client=5 bytes_from_upstream=7",
    'duration_ms=\\d+ ended_by=client reason="client closed"',
  ];
  assert.match(line, new RegExp(`^${expected.join(" ")}$`));
});

Deno.test("a closed connection has one JSON object with the same fields", async () => {
  await using server = upstream(answerSeven);
  await using sluice = await Sluice.start([`0=${server.address}`, "--log-format", "json"]);
  const clientPort = await converse(sluice.port());
  const { time, id, duration_ms, connect_ms, first_byte_client_ms, first_byte_upstream_ms, ...rest } = JSON
    .parse(await sluice.logged("connection_closed"));
  assert.deepEqual(rest, {
    level: "info",
    message: "0: closed, client closed",
    event: "connection_closed",
    service: "0",
    client: `127.0.0.1:${clientPort}`,
    listener: sluice.address(),
    upstream: server.address,
    endpoint: server.address,
    attempts: 1,
    bytes_from_client: 5,
    bytes_from_upstream: 7,
    ended_by: "client",
    reason: "client closed",
  });
  assert.ok(Math.abs(Date.now() - Date.parse(time)) < 60_000, time);
  assert.match(JSON.stringify(id), new RegExp(`^${FIRST_ID}$`));
  assert.ok(Number.isInteger(duration_ms), String(duration_ms));
  // Each comes after the one before; the last is rounded to whole milliseconds.
  const times = [0, connect_ms, first_byte_client_ms, first_byte_upstream_ms, duration_ms + 1];
  assert.deepEqual(times, times.toSorted((one, other) => one - other));
});

Deno.test("a closed connection names the side that finished first", async () => {
  await using server = upstream(async (conn) => {
    await writeText(conn, "bye");
    await conn.closeWrite();
    await readAll(conn);
  });
  await using sluice = await Sluice.before(server.address);
  using client = await connect(sluice.port());
  await readAll(client);
  client.close();
  assert.match(
    await sluice.logged("closed,"),
    / test: closed, upstream closed .* bytes_from_upstream=3 .* ended_by=upstream /,
  );
});

Deno.test("a connection whose upstream refuses has one line with the cause, in text and in json", async () => {
  await using refusing = await refusingAddress();
  for (const format of ["text", "json"]) {
    await using sluice = await Sluice.start([`0=${refusing.address}`, "--log-format", format]);
    using client = await connect(sluice.port());
    assert.equal(await endOf(client), "fin");
    const line = await sluice.logged("connection_failed");
    if (format === "text") {
      assert.match(
        line,
        / warn {2}0: failed, upstream connection refused event=connection_failed service=0 /,
      );
      assert.match(
        line,
        / duration_ms=\d+ ended_by=upstream reason="upstream connection refused" code=connection_refused /,
      );
      continue;
    }
    const { level, service, client: address, upstream, reason, code } = JSON.parse(line);
    assert.deepEqual({ level, service, address, upstream, reason, code }, {
      level: "warn",
      service: "0",
      address: `127.0.0.1:${client.localAddr.port}`,
      upstream: refusing.address,
      reason: "upstream connection refused",
      code: "connection_refused",
    });
  }
});

Deno.test("--log-level warn hides closed connections and shows failed ones", async () => {
  await using server = upstream(answerSeven);
  await using refusing = await refusingAddress();
  await using sluice = await Sluice.start([
    `0=${server.address}`,
    `0=${refusing.address}`,
    "--log-level",
    "warn",
  ]);
  await converse(sluice.port(0));
  using client = await connect(sluice.port(1));
  await endOf(client);
  await sluice.logged("0#2: failed,");
  const { stderr } = await sluice.stop();
  assert.deepEqual(stderr.trimEnd().split("\n").map((line) => line.split(" ")[2]), ["warn"], stderr);
});

Deno.test("stderr has no ANSI colours unless it is a terminal", async () => {
  await using sluice = await Sluice.start(["0=127.0.0.1:1"], { env: { NO_COLOR: "" } });
  assert.ok(!(await sluice.logged("listening")).includes(ANSI));
});

Deno.test({
  name: "stderr has ANSI colours on a terminal, and none with NO_COLOR (needs script of util-linux)",
  ignore: Deno.build.os !== "linux" || !await exists("/usr/bin/script"),
  fn: async () => {
    const directory = await Deno.makeTempDir();
    // The ready file cannot be written, so the program ends by itself after its first line.
    const words = [...sluiceCommand(), "0=1", "--ready-file", join(directory, "missing", "ready.json")];
    const command = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    for (const noColor of ["", "1"]) {
      const { stdout } = await new Deno.Command("/usr/bin/script", {
        args: ["--quiet", "--command", command, join(directory, "typescript")],
        env: { NO_COLOR: noColor },
        stdin: "null",
      }).output();
      const [line] = new TextDecoder().decode(stdout).split("\n").filter((line) =>
        line.includes("listening")
      );
      assert.equal(line?.includes(ANSI), noColor === "", line);
    }
    await Deno.remove(directory, { recursive: true });
  },
});

/** Sends 5 bytes, reads 7 and closes; returns the port of the client. */
async function converse(port: number): Promise<number> {
  using client = await connect(port);
  await writeText(client, "hello");
  assert.equal(await readText(client, 7), "goodbye");
  return client.localAddr.port;
}

async function answerSeven(conn: Deno.Conn): Promise<void> {
  await readText(conn, 5);
  await writeText(conn, "goodbye");
  await readAll(conn);
}

Deno.test("--log-level debug adds a line when a connection is accepted, and one when it is connected", async () => {
  await using server = upstream(echo);
  const config = (level: string) =>
    `log: { level: ${level}, format: json }\nservices: [{ name: test, listen: 0, upstream: "${server.address}" }]`;
  for (const [level, events] of [["debug", 1], ["info", 0]] as const) {
    await using sluice = await Sluice.withConfig(config(level));
    using client = await connect(sluice.port());
    await writeText(client, "x");
    assert.equal(await readText(client, 1), "x");
    client.close();
    const [closed] = await sluice.loggedEvents("connection_closed", 1);
    const accepted = sluice.events("connection_accepted");
    const connected = sluice.events("connection_connected");
    assert.deepEqual([accepted.length, connected.length], [events, events]);
    for (const line of [...accepted, ...connected]) {
      assert.deepEqual([line["level"], line["id"], line["client"]], [
        "debug",
        closed!["id"],
        closed!["client"],
      ]);
    }
    if (level === "debug") assert.equal(connected[0]!["endpoint"], server.address);
  }
});
