/** Files that a user names: which are read, which are refused, and that nothing waits forever. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { answerWithin } from "../../../src/files/answer_within.ts";
import { openForAppend } from "../../../src/files/append_file.ts";
import { readFault, writeFault } from "../../../src/files/file_fault.ts";
import { fileInfo, readFile, readTextFile } from "../../../src/files/read_file.ts";
import { eventually } from "../../support/eventually.ts";
import { temporaryDirectory } from "../observe/log/access_file_fixture.ts";

const ignore = Deno.build.os !== "linux";

async function fifoIn(directory: string): Promise<string> {
  const path = join(directory, "pipe");
  const { success } = await new Deno.Command("mkfifo", { args: [path] }).output();
  assert.ok(success);
  return path;
}

Deno.test("readFile() reads files of every size up to 16 MiB, and refuses larger ones", async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "file");
  for (const size of [0, 1, 65_535, 65_536, 16 * 1024 * 1024]) {
    const bytes = new Uint8Array(size).fill(7);
    await Deno.writeFile(path, bytes);
    assert.deepEqual(await readFile(path), bytes);
  }
  await Deno.truncate(path, 16 * 1024 * 1024 + 1);
  await assert.rejects(readFile(path), { message: "it is larger than 16 MiB" });
});

Deno.test({
  name: "readFile() reads a pipe only where that is asked for, and then to its end (needs mkfifo)",
  ignore,
  fn: async () => {
    await using directory = await temporaryDirectory();
    const path = await fifoIn(directory.path);
    await assert.rejects(readFile(path), { message: "it is a pipe, not a regular file" });
    const text = "x".repeat(200_000);
    const [read] = await Promise.all([
      readTextFile(path, { pipeTimeout: 60_000 }),
      Deno.writeTextFile(path, text),
    ]);
    assert.equal(read, text);
  },
});

Deno.test({
  name: "readFile() stops waiting for a pipe without a writer (needs mkfifo)",
  ignore,
  fn: async () => {
    await using directory = await temporaryDirectory();
    const path = await fifoIn(directory.path);
    await assert.rejects(readFile(path, { pipeTimeout: 50 }), {
      message: "it does not answer within 0.05 s",
    });
    const again = { message: "an earlier attempt at it has not returned yet" };
    await assert.rejects(readFile(path, { pipeTimeout: 50 }), again);
    // Releases the thread that waits for a writer; until it has returned, no other call uses the path.
    (await Deno.open(path, { read: true, write: true })).close();
    const isFree = () => fileInfo(path).then(() => true, () => false);
    await eventually("the path to be free", isFree, (free) => free);
  },
});

Deno.test({
  name: "readFile() reads no more than 16 MiB of a device without an end (needs /dev/zero)",
  ignore,
  fn: async () => {
    await assert.rejects(readFile("/dev/zero", { pipeTimeout: 60_000 }), {
      message: "it is larger than 16 MiB",
    });
    await assert.rejects(readFile("/dev/zero"), { message: "it is a device, not a regular file" });
  },
});

Deno.test("answerWithin() stops waiting for a call that hangs, and closes what comes late", async () => {
  const call = Promise.withResolvers<string>();
  const late = Promise.withResolvers<string>();
  await assert.rejects(answerWithin("/a", () => call.promise, late.resolve, 10), {
    name: "UnusableFileError",
    message: "it does not answer within 0.01 s",
  });
  assert.equal(await answerWithin("/b", () => Promise.resolve("other"), undefined, 10), "other");
  await assert.rejects(answerWithin("/a", () => Promise.resolve(""), undefined, 10), {
    message: "an earlier attempt at it has not returned yet",
  });
  call.resolve("opened");
  assert.equal(await late.promise, "opened");
  await call.promise;
  assert.equal(await answerWithin("/a", () => Promise.resolve("again"), undefined, 10), "again");
});

Deno.test({
  name:
    "openForAppend() opens a pipe without a reader, keeps what it has room for, and never blocks (needs mkfifo)",
  ignore,
  fn: async () => {
    await using directory = await temporaryDirectory();
    const path = await fifoIn(directory.path);
    const pipe = await openForAppend(path, 0o640);
    const bytes = new Uint8Array(4096).fill(7);
    let room = 0;
    await assert.rejects(async () => {
      for (;;) room += await pipe.write(bytes);
    }, Deno.errors.WouldBlock);
    assert.ok(room >= 4096, `${room}`);
    using reader = await Deno.open(path);
    assert.equal(await reader.read(new Uint8Array(4096)), 4096);
    assert.equal(await pipe.write(bytes), 4096);
    const again = await openForAppend(path, 0o640);
    assert.ok(again.isSame(pipe));
    again.close();
    const last = pipe.write(bytes);
    pipe.close();
    await assert.rejects(last, Deno.errors.WouldBlock);
    await assert.rejects(pipe.write(bytes), Deno.errors.BadResource, "its number may be another file's");
  },
});

Deno.test("openForAppend() distinguishes a file that was moved away from one that was not", async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "log");
  const first = await openForAppend(path, 0o640);
  const same = await openForAppend(path, 0o640);
  await Deno.rename(path, `${path}.1`);
  const other = await openForAppend(path, 0o640);
  const isNumbered = first.identity !== undefined; // not on Windows
  assert.deepEqual([same.isSame(first), other.isSame(first)], [isNumbered, false]);
  for (const file of [first, same, other]) file.close();
});

Deno.test("readFault() and writeFault() omit the system's numbers and calls", () => {
  const readOnly = new Error("Read-only file system (os error 30): remove '/x'");
  assert.deepEqual(writeFault(readOnly, "/x"), { fault: "read-only file system", remedy: undefined });
  assert.deepEqual(readFault(new Error("Input/output error (os error 5)")).fault, "input/output error");
  assert.equal(writeFault(new Deno.errors.PermissionDenied("x"), "/x").fault, "permission denied");
});
