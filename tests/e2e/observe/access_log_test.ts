import assert from "node:assert/strict";
import { join } from "node:path";
import { eventually } from "../../support/eventually.ts";
import { namesIn } from "../../support/program/directory.ts";
import { assertNumbered, FIRST_ID } from "../../support/program/several_threads.ts";
import { runSluice, Sluice } from "../../support/program/program.ts";
import {
  connect,
  echo,
  endOf,
  readText,
  refusingAddress,
  upstream,
  writeText,
} from "../../support/peers/sockets.ts";

const IS_WINDOWS = Deno.build.os === "windows";

Deno.test("log.access.path gets the lines about connections, and stderr all others", async () => {
  await using server = upstream(echo);
  await using refusing = await refusingAddress();
  for (const format of ["json", "text"]) {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "access.log");
    await using sluice = await startLogging({ path, format }, [server.address, refusing.address]);
    const clientPort = await converse(sluice.port(0));
    await eventually("a line", () => linesOf(path), ({ length }) => length === 1);
    using failed = await connect(sluice.port(1));
    await endOf(failed);
    await eventually("another line", () => linesOf(path), ({ length }) => length === 2);
    const { code, stderr } = await sluice.stop();
    assert.equal(code, 0);
    assert.doesNotMatch(stderr, /event=connection_/);
    assert.match(stderr, / Stopped event=stopped cut=0\n$/);

    const [closed, refused] = await linesOf(path);
    if (format === "text") {
      assert.match(
        closed!,
        new RegExp(
          `^time=[^ ]+Z event=connection_closed service=s0 client=127\\.0\\.0\\.1:${clientPort} id=${FIRST_ID} .* ` +
            'bytes_from_client=5 bytes_from_upstream=5 duration_ms=\\d+ ended_by=client reason="client closed"$',
        ),
      );
      assert.match(refused!, /^time=[^ ]+Z event=connection_failed service=s1 .* code=connection_refused /);
    } else {
      const { time, event, service, client, listener, bytes_from_client, level } = JSON.parse(closed!);
      assert.ok(Math.abs(Date.now() - Date.parse(time)) < 60_000, time);
      assert.deepEqual({ event, service, client, listener, bytes_from_client, level }, {
        event: "connection_closed",
        service: "s0",
        client: `127.0.0.1:${clientPort}`,
        listener: sluice.address(0),
        bytes_from_client: 5,
        level: undefined,
      });
      const { event: second, code } = JSON.parse(refused!);
      assert.deepEqual([second, code], ["connection_failed", "connection_refused"]);
    }
  }
});

Deno.test("the access log has the line of a connection that a stop closes", async () => {
  await using server = upstream(echo);
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "access.log");
  await using sluice = await startLogging({ path }, [server.address], "shutdown: { drain: 1ms }");
  using client = await connect(sluice.port());
  await writeText(client, "hello");
  await readText(client, 5);
  const { code } = await sluice.stop();
  assert.equal(code, IS_WINDOWS ? 1 : 0);
  if (IS_WINDOWS) return;
  const [line] = await linesOf(path);
  assert.match(line!, / bytes_from_client=5 .* ended_by=proxy reason=shutdown code=shutdown$/);
});

Deno.test({
  name: "SIGUSR2 rotates the access log under traffic without losing or repeating a line (needs SIGUSR2)",
  ignore: IS_WINDOWS,
  fn: async () => {
    await using server = upstream(echo);
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "access.log");
    await using sluice = await startLogging({ path, format: "json" }, [server.address]);
    let isBusy = true;
    let connections = 0;
    const keepBusy = async () => {
      while (isBusy) {
        await converse(sluice.port());
        connections += 1;
      }
    };
    const busy = Promise.all([keepBusy(), keepBusy(), keepBusy()]);
    for (let round = 0; round < 5; round++) {
      const before = connections;
      await eventually("20 more connections", () => connections, (count) => count >= before + 20);
      await Deno.rename(path, `${path}.${round}`);
      sluice.kill("SIGUSR2");
      await eventually("a new file", () => namesIn(directory.path), (names) => names.includes("access.log"));
    }
    isBusy = false;
    await busy;
    const { code } = await sluice.stop();
    assert.equal(code, 0);

    const ids: number[] = [];
    for (const name of await namesIn(directory.path)) {
      ids.push(...(await linesOf(join(directory.path, name))).map((line) => JSON.parse(line).id));
    }
    assert.ok(connections >= 100);
    assertNumbered(ids.toSorted((one, other) => one - other), connections);
  },
});

Deno.test({
  name: "a full access log is reported once, stops no traffic, and loses nothing in a rotation (needs Unix)",
  ignore: IS_WINDOWS,
  fn: async () => {
    await using server = upstream(echo);
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "access.log");
    // At most 16 or 32 KiB, an error for what is more instead of a signal.
    const wrapper = ["/bin/sh", "-c", "trap '' XFSZ; ulimit -f 32; exec \"$@\"", "sh"];
    const yaml = configOf({ path, format: "json" }, [server.address]);
    await using sluice = await Sluice.withConfig(yaml, [], { wrapper });
    let connections = 0;
    const converseMore = async (count: number) => {
      for (; count > 0; count--, connections++) await converse(sluice.port());
    };
    while (!sluice.stderr.includes("access_log_failed")) await converseMore(1);
    await converseMore(5);
    await Deno.rename(path, `${path}.1`);
    sluice.kill("SIGUSR2");
    await sluice.logged("access_log_recovered");
    const { code, stderr } = await sluice.stop();
    assert.equal(code, 0);
    assert.equal(stderr.split("access_log_failed").length - 1, 1, stderr);
    assert.match(stderr, / error Cannot write the access log, .* detail="file too large"\n/);

    // The last line of the old file is cut off; it is whole in the new one.
    const old = await linesOf(`${path}.1`);
    const ids = [...old, ...await linesOf(path)].map((line) => JSON.parse(line).id);
    assert.ok(old.length >= 10);
    assertNumbered(ids, connections);
  },
});

Deno.test("log.access.sample omits orderly ends only, never failures", async () => {
  await using server = upstream(echo);
  await using refusing = await refusingAddress();
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "access.log");
  const share = { path, format: "json", sample: 0.000001 };
  await using sluice = await startLogging(share, [server.address, refusing.address]);
  for (let count = 0; count < 5; count++) {
    await converse(sluice.port(0));
    using client = await connect(sluice.port(1));
    await endOf(client);
  }
  const lines = await eventually("five lines", () => linesOf(path), ({ length }) => length >= 5);
  assert.deepEqual(lines.map((line) => JSON.parse(line).code), Array(5).fill("connection_refused"));
});

Deno.test("an access log that cannot be opened ends the start with its path and a remedy", async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "missing", "access.log");
  const file = join(directory.path, "sluice.yaml");
  await Deno.writeTextFile(file, configOf({ path }, ["127.0.0.1:1"]));
  const { code, stderr } = await runSluice(["-c", file]);
  assert.equal(code, 1);
  assert.equal(
    stderr,
    `sluice: Cannot open the access log ${JSON.stringify(path)}: its folder does not exist; ` +
      "create the folder, or change log.access.path\n",
  );
});

/** Starts a service `s0`, `s1`, … before each upstream. */
function startLogging(access: Record<string, unknown>, upstreams: string[], more = ""): Promise<Sluice> {
  return Sluice.withConfig(configOf(access, upstreams, more));
}

function configOf(access: Record<string, unknown>, upstreams: string[], more = ""): string {
  const services = upstreams.map((address, index) =>
    `  - { name: s${index}, listen: 0, upstream: "${address}" }`
  );
  return [`log: { access: ${JSON.stringify(access)} }`, more, "services:", ...services, ""].join("\n");
}

/** Sends five bytes, gets them back and closes; the port of the client. */
async function converse(port: number): Promise<number> {
  using client = await connect(port);
  await writeText(client, "hello");
  assert.equal(await readText(client, 5), "hello");
  return client.localAddr.port;
}

async function linesOf(path: string): Promise<string[]> {
  return (await Deno.readTextFile(path)).split("\n").slice(0, -1);
}

async function temporaryDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir();
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}
