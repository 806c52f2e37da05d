/** What commands do where their output cannot be written, or not at once. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { EXAMPLE } from "../../support/config_examples.ts";
import { findProgram } from "../../support/interop.ts";
import { FakeAdmin } from "../../support/peers/fake_admin.ts";
import { LineReader } from "../../support/peers/line_reader.ts";
import { runSluice, sluiceCommand, within } from "../../support/program/program.ts";

/** Runs sluice with shell redirections, or whatever else goes around it. */
async function runAround(around: readonly string[], args: readonly string[]) {
  const [command, ...rest] = [...around, ...sluiceCommand(), ...args];
  const child = new Deno.Command(command!, { args: rest, stdin: "null", stdout: "piped", stderr: "piped" });
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

const PRINTING = [["--help"], ["--version"], ["man"], ["completions", "bash"], ["check", EXAMPLE]];

for (const args of PRINTING) {
  Deno.test({
    name: `sluice ${args[0]} says that standard output is full, with code 1`,
    ignore: Deno.build.os !== "linux",
    fn: async () => {
      const { code, stderr } = await runAround(["sh", "-c", 'exec "$@" >/dev/full', "sh"], args);
      assert.equal(stderr, "sluice: Cannot write to standard output: no space left on device\n");
      assert.equal(code, 1);
    },
  });
}

Deno.test({
  name: "the exit code of a command shows a mistake where standard error is full",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const { code } = await runAround(["sh", "-c", 'exec "$@" 2>/dev/full', "sh"], ["chek"]);
    assert.equal(code, 2);
  },
});

/** Starts a program whose standard output is a pipe that does not block, and reads only once it is full. */
const SLOW_READER = `
import array, fcntl, os, subprocess, sys, termios, time
reader, writer = os.pipe()
os.set_blocking(writer, False)
program = subprocess.Popen(sys.argv[1:], stdout=writer)
os.close(writer)
held = array.array("i", [0])
while held[0] < 60000 and program.poll() is None:
    time.sleep(0.01)
    fcntl.ioctl(reader, termios.FIONREAD, held)
while data := os.read(reader, 65536): sys.stdout.buffer.write(data)
sys.exit(program.wait())
`;

Deno.test({
  name: "a command prints everything where standard output does not block, and its reader is slow",
  ignore: Deno.build.os !== "linux" || findProgram("python3") === undefined,
  fn: async () => {
    const folder = await Deno.makeTempDir({ prefix: "sluice-output-" });
    try {
      const file = join(folder, "large.yaml");
      const services = Array.from(
        { length: 600 },
        (_, index) => `  - { name: s${index}, listen: ${20_000 + index}, upstream: "127.0.0.1:1" }\n`,
      );
      await Deno.writeTextFile(file, `services:\n${services.join("")}`);
      const { code, stdout, stderr } = await runAround(["python3", "-c", SLOW_READER], ["check", file]);
      assert.equal(stderr, "");
      assert.equal(code, 0);
      assert.ok(stdout.length > 100_000, `only ${stdout.length} characters`);
      assert.match(stdout, /\n# ok\n$/);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("commands print on a terminal while the console is exported over OTLP", async () => {
  const env = {
    OTEL_DENO: "true",
    OTEL_DENO_CONSOLE: "replace",
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1",
  };
  assert.match((await runSluice(["--version"], { env })).stdout, /^sluice \d/);
  const { code, stderr } = await runSluice(["chek"], { env });
  assert.match(stderr, /^sluice: Unknown argument "chek": did you mean "check"\?\n/);
  assert.equal(code, 2);
});

Deno.test("sluice kill closes every connection although nothing reads what it prints", async () => {
  await using fake = await FakeAdmin.start();
  const [command, ...prefix] = sluiceCommand();
  await using child = new Deno.Command(command!, {
    args: [...prefix, "kill", "1", "2", "3", "--admin", fake.address],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await child.stdout.cancel();
  const [stderr, { code }] = await Promise.all([new Response(child.stderr).text(), child.status]);
  assert.equal(stderr, "");
  assert.equal(code, 0);
  assert.deepEqual(fake.calls, ["kill 1", "kill 2", "kill 3"]);
});

Deno.test({
  name: "sluice kill closes every connection where standard output is full, and says that it is",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using fake = await FakeAdmin.start();
    const args = ["kill", "1", "2", "3", "--admin", fake.address];
    const { code, stderr } = await runAround(["sh", "-c", 'exec "$@" >/dev/full', "sh"], args);
    assert.equal(stderr, "sluice: Cannot write to standard output: no space left on device\n");
    assert.equal(code, 1);
    assert.deepEqual(fake.calls, ["kill 1", "kill 2", "kill 3"]);
  },
});

Deno.test("sluice --print-ready ends when nothing reads standard output", async () => {
  const [command, ...prefix] = sluiceCommand();
  await using child = new Deno.Command(command!, {
    args: [...prefix, "127.0.0.1:0=127.0.0.1:1", "--print-ready"],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await child.stdout.cancel();
  const errors = new LineReader(child.stderr);
  const { code } = await within(20_000, "the end of the program", child.status);
  await errors.done;
  assert.match(errors.text, /^sluice: Cannot print the ready line: nothing reads standard output$/m);
  assert.equal(code, 1);
});

Deno.test("sluice demo ends once nothing reads what it prints", async () => {
  const [command, ...prefix] = sluiceCommand();
  await using child = new Deno.Command(command!, {
    args: [...prefix, "demo"],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  assert.ok((await reader.read()).value!.length > 0);
  await reader.cancel();
  const errors = new LineReader(child.stderr);
  const { code } = await within(20_000, "the end of the demo", child.status);
  await errors.done;
  assert.equal(errors.text, "");
  assert.equal(code, 0);
});

Deno.test({
  name: "sluice demo ends when its figures find no place any more, and says why",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const folder = await Deno.makeTempDir({ prefix: "sluice-output-" });
    try {
      // The introduction fits, and the figures of half a minute do not.
      const limited = `trap "" XFSZ; ulimit -f 2; file=$1; shift; exec "$@" >"$file"`;
      const around = ["sh", "-c", limited, "sh", join(folder, "figures")];
      const { code, stderr } = await within(
        20_000,
        "the end of the demo",
        runAround(around, ["demo", "--for", "30s"]),
      );
      assert.equal(stderr, "sluice: Cannot write to standard output: file too large\n");
      assert.equal(code, 1);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
