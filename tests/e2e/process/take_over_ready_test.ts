/** `--take-over` by a sluice that does not know its endpoints yet: until it does, the one before serves the clients. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { answeringServer, NamedServer } from "../../support/peers/named_server.ts";
import { LineReader } from "../../support/peers/line_reader.ts";
import { temporaryDirectory } from "../../support/program/directory.ts";
import { Sluice, sluiceCommand, within } from "../../support/program/program.ts";
import { FakeConsul } from "../../support/servers/fake_consul.ts";

const SOON = 20_000;
const CLIENTS = 20;

Deno.test({
  name:
    "--take-over waits until the endpoints are known, and leaves all to the other sluice if it is stopped meanwhile (needs Linux)",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using stack = new AsyncDisposableStack();
    const [a, b] = [stack.use(await NamedServer.start("a")), stack.use(await NamedServer.start("b"))];
    const { path } = stack.use(await temporaryDirectory());
    const consul = stack.use(new FakeConsul());
    const yaml = (listen: string, admin: string, upstream: string) => `
admin: { listen: "${admin}" }
log: { format: json }
services: [{ name: test, listen: "${listen}", upstream: ${upstream} }]
`;
    const old = stack.use(await Sluice.withConfig(yaml("127.0.0.1:0", "127.0.0.1:0", a.address)));
    const file = join(path, "sluice.yaml");
    const discovery = `{ discovery: { consul: { service: db, address: "${consul.address}" } } }`;
    await Deno.writeTextFile(file, yaml(old.address(), old.ready.admin!, discovery));
    const answers = async (expected: string) => {
      for (let client = 0; client < CLIENTS; client++) {
        assert.equal(await answeringServer(old.port()), expected);
      }
    };
    const start = async () => {
      const [command, ...args] = sluiceCommand();
      const program = stack.use(
        new Deno.Command(command, {
          args: [...args, "-c", file, "--take-over"],
          stdin: "null",
          stderr: "piped",
        }).spawn(),
      );
      const log = new LineReader(program.stderr);
      const line = await log.find((each) => each.includes('"take_over_waits"'));
      const { message } = JSON.parse(line);
      assert.equal(message, "Takes over as soon as it is ready: test.upstream: no endpoint is known yet");
      await answers("a");
      return { program, log };
    };
    consul.answer = () => new Response("No cluster leader", { status: 500 });

    const stopped = await start();
    stopped.program.kill("SIGTERM");
    await stopped.log.done;
    await answers("a");

    const next = await start();
    assert.deepEqual(old.events("stopping"), []);
    const [host, port] = b.address.split(":");
    consul.answer = undefined;
    consul.set([{ address: host!, port: Number(port) }]);
    const taken = await next.log.find((each) => each.includes('"taken_over"'));
    assert.equal(JSON.parse(taken).pid, old.pid);
    assert.equal((await within(SOON, "the end", old.ended())).code, 0);
    assert.equal(old.events("connection_closed").length, 3 * CLIENTS);
    await answers("b");
    next.program.kill("SIGTERM");
    assert.equal((await within(SOON, "the end", next.program.status)).code, 0);
    await next.log.done;
  },
});
