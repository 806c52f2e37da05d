import assert from "node:assert/strict";
import { join } from "node:path";
import { AccessFile } from "../../../../src/observe/log/access_file.ts";
import { silentLog } from "../../../../src/observe/log/log.ts";
import { AccessOutput } from "../../../../src/runtime/files/access_output.ts";
import { capturedLog, linesOf, numberIn, temporaryDirectory } from "./access_file_fixture.ts";

const IS_WINDOWS = Deno.build.os === "windows";
const IS_ROOT = Deno.uid() === 0;

const output = new AccessOutput(silentLog());

Deno.test({
  name:
    "AccessFile reports a full disk once, delays nothing, and loses no line when there is room again (needs /dev/full)",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "access.log");
    await Deno.symlink("/dev/full", path);
    const { log, lines, next } = capturedLog();
    const file = await AccessFile.open({ path, format: "json", log });
    const failing = next();
    for (let number = 0; number < 1000; number++) file.info("", { number });
    assert.deepEqual(await failing, {
      level: "error",
      message: "Cannot write the access log, retrying every second",
      event: "access_log_failed",
      path,
      detail: "no space left on device",
    });
    for (let number = 1000; number < 2000; number++) file.info("", { number });

    await Deno.remove(path);
    const working = next();
    await file.reopen();
    assert.deepEqual(await working, {
      level: "info",
      message: "Writing the access log again",
      event: "access_log_recovered",
      path,
      dropped: 0,
    });
    await file.close();
    assert.deepEqual((await linesOf(path)).map(numberIn), [...Array(2000).keys()]);
    assert.equal(lines.length, 2);
  },
});

Deno.test({
  name:
    "AccessFile drops lines that exceed the queue on a full disk, counts them, and reports them in the file (needs /dev/full)",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "access.log");
    await Deno.symlink("/dev/full", path);
    const { log, next } = capturedLog();
    const file = await AccessFile.open({ path, format: "json", log });
    const failing = next();
    for (let number = 0; number < 100; number++) file.info("", { number, text: "x".repeat(64 * 1024) });
    await failing;
    assert.ok(file.dropped > 20 && file.dropped < 60, `${file.dropped} dropped`);

    await Deno.remove(path);
    const working = next();
    await file.reopen();
    assert.equal((await working).dropped, file.dropped);
    await file.close();
    const lines = await linesOf(path);
    const last = JSON.parse(lines.pop()!);
    assert.deepEqual([last.event, last.dropped], ["lines_dropped", file.dropped]);
    assert.deepEqual(lines.map(numberIn), [...Array(100 - file.dropped).keys()]);
  },
});

Deno.test({
  name: "AccessFile.close() reports the lost lines of a full disk (needs /dev/full)",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const { log, lines } = capturedLog();
    const path = "/dev/full";
    const file = await AccessFile.open({ path, format: "text", log });
    for (let number = 0; number < 3; number++) file.info("", { number });
    await file.close();
    const [failed, incomplete, ...more] = lines;
    assert.equal(failed?.event, "access_log_failed");
    const message = "Lines of the access log could not be written";
    assert.deepEqual(incomplete, { level: "error", message, event: "access_log_incomplete", path, lost: 3 });
    assert.deepEqual(more, []);
  },
});

const MISTAKES: [what: string, pathIn: (folder: string) => string, message: string][] = [
  ["no folder", (folder) => join(folder, "missing", "a.log"), "its folder does not exist; create the folder"],
  [
    "a file for a folder",
    (folder) => join(folder, "file", "a.log"),
    "its path has a file in place of a folder; check the path",
  ],
  ["a folder for a file", (folder) => folder, "it is a folder; name a file in it"],
];

for (const [what, pathIn, message] of MISTAKES) {
  Deno.test({
    name: `AccessOutput.open() throws an error with the path and the remedy: ${what} (needs Unix)`,
    ignore: IS_WINDOWS,
    fn: async () => {
      await using directory = await temporaryDirectory();
      await Deno.writeTextFile(join(directory.path, "file"), "");
      const path = pathIn(directory.path);
      await assert.rejects(output.open({ path, format: "text" }), {
        name: "LogFileError",
        message: `Cannot open the access log ${JSON.stringify(path)}: ${message}, or change log.access.path`,
      });
    },
  });
}

Deno.test({
  name:
    "AccessFile.open() throws an error with the path and the remedy for a read-only file (needs Unix, and not root)",
  ignore: IS_WINDOWS || IS_ROOT,
  fn: async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "access.log");
    await Deno.writeTextFile(path, "", { mode: 0o440 });
    await assert.rejects(
      AccessFile.open({ path, format: "text", log: capturedLog().log }),
      /: permission denied; let the user that runs sluice write it, or change log\.access\.path$/,
    );
  },
});

Deno.test({
  name: "AccessFile.open() names the flag if Deno may not write",
  permissions: { read: true, write: false },
  fn: async () => {
    await assert.rejects(
      AccessFile.open({ path: "/tmp/a.log", format: "text", log: capturedLog().log }),
      /: not allowed by Deno; add \/tmp\/a\.log to --allow-write, or change log\.access\.path$/,
    );
  },
});

Deno.test({
  name: "AccessFile.open() says that devices need more than the permission to write (needs Unix)",
  ignore: IS_WINDOWS,
  permissions: { read: true, write: true },
  fn: async () => {
    for (const path of ["/dev/full", "/dev/stdout", "/proc/self/fd/1"]) {
      await assert.rejects(
        AccessFile.open({ path, format: "text", log: capturedLog().log }),
        /: Deno opens no such files without --allow-all; name one elsewhere, or change log\.access\.path$/,
      );
    }
  },
});

Deno.test("AccessOutput.open() opens no file without a path", async () => {
  assert.equal(await output.open({ path: undefined, format: "json" }), undefined);
});
