import assert from "node:assert/strict";
import { join } from "node:path";
import { AccessFile } from "../../../../src/observe/log/access_file.ts";
import { LogFileError } from "../../../../src/observe/log/access_file.ts";
import { capturedLog, linesOf, numberIn, temporaryDirectory } from "./access_file_fixture.ts";

Deno.test("AccessFile writes lines of text that begin with the time, without level, message and colours", async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "access.log");
  const file = await AccessFile.open({ path, format: "text", log: capturedLog().log });
  file.info("a: closed", { event: "connection_closed", sni: "a b\x1b[31m", peer: undefined, bytes: 5 });
  file.warn("a: refused", { event: "connection_refused" });
  await file.close();
  const lines = await linesOf(path);
  const time = "time=\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z";
  assert.equal(lines.length, 2);
  assert.match(
    lines[0]!,
    new RegExp(String.raw`^${time} event=connection_closed sni="a b\\u001b\[31m" bytes=5$`),
  );
  assert.match(lines[1]!, new RegExp(`^${time} event=connection_refused$`));
});

Deno.test("AccessFile writes lines of JSON with one object each, the time first", async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "access.log");
  const file = await AccessFile.open({ path, format: "json", log: capturedLog().log });
  file.info("a: closed", { event: "connection_closed", sni: "a\u2028b", peer: undefined, bytes: 5 });
  await file.close();
  const [line] = await linesOf(path);
  const { time, ...rest } = JSON.parse(line!);
  assert.match(line!, /^\{"time":"/);
  assert.ok(Math.abs(Date.now() - Date.parse(time)) < 60_000, time);
  assert.deepEqual(rest, { event: "connection_closed", sni: "a\u2028b", bytes: 5 });
});

Deno.test({
  name: "AccessFile.open() creates a file for the user and the group alone (needs Unix)",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "access.log");
    const file = await AccessFile.open({ path, format: "text", log: capturedLog().log });
    await file.close();
    const { mode } = await Deno.stat(path);
    assert.equal((mode! & 0o777).toString(8), (0o640 & ~Deno.umask()).toString(8));
  },
});

Deno.test("AccessFile.open() appends to a file that exists", async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "access.log");
  await Deno.writeTextFile(path, "before\n");
  const file = await AccessFile.open({ path, format: "text", log: capturedLog().log });
  file.info("", { number: 1 });
  await file.close();
  assert.deepEqual((await linesOf(path)).map(numberIn), ["before", 1]);
});

Deno.test("AccessFile.reopen() loses, doubles and reorders no line of a stream", async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "access.log");
  const file = await AccessFile.open({ path, format: "json", log: capturedLog().log });
  let pushed = 0;
  let isStreaming = true;
  const streaming = (async () => {
    while (isStreaming) {
      for (let index = 0; index < 50; index++) file.info("", { number: pushed++ });
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  })();
  const morePushed = async () => {
    const before = pushed;
    while (pushed < before + 100) await new Promise((resolve) => setTimeout(resolve, 0));
  };
  const rotated: string[] = [];
  for (let round = 0; round < 20; round++) {
    await morePushed();
    await Deno.rename(path, `${path}.${round}`);
    const before = pushed;
    await file.reopen();
    // The old file is complete: it has all earlier lines, and nothing writes to it any more.
    const numbers = (await linesOf(`${path}.${round}`)).map(numberIn);
    assert.ok(Number(numbers.at(-1)) >= before - 1, `${numbers.at(-1)} of ${before}`);
    rotated.push(...numbers.map(String));
  }
  await morePushed();
  isStreaming = false;
  await streaming;
  await file.close();
  rotated.push(...(await linesOf(path)).map(numberIn).map(String));
  assert.deepEqual(rotated, Array.from({ length: pushed }, (_, number) => String(number)));
  assert.equal(file.dropped, 0);
});

Deno.test("AccessFile.reopen() does several calls at once one after the other", async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "access.log");
  const file = await AccessFile.open({ path, format: "text", log: capturedLog().log });
  file.info("", { number: 1 });
  await Promise.all([file.reopen(), file.reopen(), file.reopen()]);
  file.info("", { number: 2 });
  const closing = file.reopen();
  await file.close();
  await closing;
  assert.deepEqual((await linesOf(path)).map(numberIn), [1, 2]);
});

Deno.test("AccessFile.reopen() throws when the file cannot be opened, and keeps the old one", async () => {
  await using directory = await temporaryDirectory();
  const [folder, moved] = [join(directory.path, "logs"), join(directory.path, "moved")];
  await Deno.mkdir(folder);
  const path = join(folder, "access.log");
  const file = await AccessFile.open({ path, format: "text", log: capturedLog().log });
  await Deno.rename(folder, moved);
  await assert.rejects(file.reopen(), (error) => {
    assert.ok(error instanceof LogFileError);
    assert.match(error.message, /^Cannot open the access log ".*": its folder does not exist; /);
    return true;
  });
  file.info("", { number: 1 });
  await Deno.mkdir(folder);
  await file.reopen();
  file.info("", { number: 2 });
  await file.close();
  assert.deepEqual((await linesOf(join(moved, "access.log"))).map(numberIn), [1]);
  assert.deepEqual((await linesOf(path)).map(numberIn), [2]);
});
