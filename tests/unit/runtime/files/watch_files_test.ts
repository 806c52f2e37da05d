import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { readTextFile } from "../../../../src/files/read_file.ts";
import { watchFiles } from "../../../../src/runtime/files/watch_files.ts";
import { within } from "../../../support/program/program.ts";

/** Watches `a.pem` and `b.key` in a new directory; returns their content at each reported change. */
class Watched implements AsyncDisposable {
  readonly directory: string;
  readonly #stopped = new AbortController();
  readonly #seen: string[] = [];
  #watching: Promise<void> | undefined;
  #waiting: ((text: string) => void) | undefined;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async start(prepare: (directory: string) => Promise<string>): Promise<Watched> {
    const watched = new Watched(await Deno.makeTempDir({ prefix: "sluice-watch-" }));
    const path = await prepare(watched.directory);
    const { ended } = await watchFiles([path], {
      onChange: async () => watched.#report(await readTextFile(path).catch((error) => error.name)),
      signal: watched.#stopped.signal,
      every: 20,
    });
    watched.#watching = ended;
    return watched;
  }

  /** The content of the file at the next change. */
  next(): Promise<string> {
    const text = this.#seen.shift();
    return text === undefined
      ? new Promise((resolve) => void (this.#waiting = resolve))
      : Promise.resolve(text);
  }

  get unseen(): readonly string[] {
    return this.#seen;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort();
    await this.#watching;
    await Deno.remove(this.directory, { recursive: true }).catch(() => {});
  }

  #report(text: string): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#seen.push(text);
    else waiting(text);
  }
}

async function plain(directory: string): Promise<string> {
  const path = join(directory, "a.pem");
  await Deno.writeTextFile(path, "one");
  return path;
}

Deno.test("watchFiles() reports writes, renames over the file and removal, again and again", async () => {
  await using watched = await Watched.start(plain);
  const path = join(watched.directory, "a.pem");
  const other = join(watched.directory, "new");
  await Deno.writeTextFile(path, "two");
  assert.equal(await watched.next(), "two");
  for (const text of ["three", "four", "five"]) {
    await Deno.writeTextFile(other, text);
    await Deno.rename(other, path);
    assert.equal(await watched.next(), text);
  }
  await Deno.remove(path);
  assert.equal(await watched.next(), "NotFound");
  await Deno.writeTextFile(path, "six");
  assert.equal(await watched.next(), "six");
});

Deno.test("watchFiles() reports a swap of Kubernetes' ..data link", async () => {
  await using watched = await Watched.start(async (directory) => {
    await Deno.mkdir(join(directory, "..1"));
    await Deno.writeTextFile(join(directory, "..1", "a.pem"), "one");
    await Deno.symlink("..1", join(directory, "..data"));
    await Deno.symlink(join("..data", "a.pem"), join(directory, "a.pem"));
    return join(directory, "a.pem");
  });
  for (const [version, text] of [["..2", "two"], ["..3", "three"]] as const) {
    await Deno.mkdir(join(watched.directory, version));
    await Deno.writeTextFile(join(watched.directory, version, "a.pem"), text);
    await Deno.symlink(version, join(watched.directory, "..data_tmp"));
    await Deno.rename(join(watched.directory, "..data_tmp"), join(watched.directory, "..data"));
    assert.equal(await watched.next(), text);
  }
});

Deno.test("watchFiles() ignores other files, and a file written with the same contents", async () => {
  await using watched = await Watched.start(plain);
  await Deno.writeTextFile(join(watched.directory, "other"), "x");
  await Deno.writeTextFile(join(watched.directory, "a.pem"), "one");
  // One event later: a report would come before this one.
  await Deno.writeTextFile(join(watched.directory, "a.pem"), "two");
  assert.equal(await watched.next(), "two");
  assert.deepEqual(watched.unseen, []);
});

Deno.test("watchFiles() waits for a folder that is missing, and for one that was removed or renamed", async () => {
  let path = "";
  await using watched = await Watched.start((directory) =>
    Promise.resolve(path = join(directory, "no", "a.pem"))
  );
  const folder = dirname(path);
  for (const text of ["one", "two"]) {
    await Deno.mkdir(folder);
    await Deno.writeTextFile(path, text);
    assert.equal(await watched.next(), text);
    await Deno.remove(folder, { recursive: true });
    assert.equal(await watched.next(), "NotFound");
  }
  await Deno.mkdir(join(watched.directory, "other"));
  await Deno.writeTextFile(join(watched.directory, "other", "a.pem"), "three");
  await Deno.rename(join(watched.directory, "other"), folder);
  assert.equal(await watched.next(), "three");
});

Deno.test({
  name: "watchFiles() goes on, and ends, with pipes, sockets and dangling links in the folder (needs Unix)",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using watched = await Watched.start(plain);
    const at = (name: string) => join(watched.directory, name);
    const made = await new Deno.Command("mkfifo", { args: [at("pipe")] }).output();
    assert.ok(made.success);
    using _socket = Deno.listen({ transport: "unix", path: at("socket") });
    await Deno.symlink("nowhere", at("dangling"));
    await Deno.symlink("loop", at("loop"));
    await Deno.writeTextFile(at("secret"), "x", { mode: 0 });
    await Deno.writeTextFile(at("a.pem"), "two");
    assert.equal(await watched.next(), "two");
    await Deno.rename(at("pipe"), at("renamed"));
    await Deno.remove(at("dangling"));
    await Deno.writeTextFile(at("a.pem"), "three");
    assert.equal(await watched.next(), "three");
  },
});

Deno.test({
  name:
    "watchFiles() goes on when a pipe, a link to nowhere or to itself takes the place of the file (needs Unix)",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using watched = await Watched.start(plain);
    const path = join(watched.directory, "a.pem");
    await Deno.remove(path);
    await Deno.symlink("a.pem", path);
    assert.equal(await watched.next(), "FilesystemLoop");
    await Deno.remove(path);
    assert.ok((await new Deno.Command("mkfifo", { args: [path] }).output()).success);
    assert.equal(await watched.next(), "UnusableFileError");
    await Deno.remove(path);
    await Deno.symlink("nowhere", path);
    assert.equal(await watched.next(), "NotFound");
    await Deno.remove(path);
    await Deno.writeTextFile(path, "two");
    assert.equal(await watched.next(), "two");
  },
});

Deno.test("watchFiles() reports a file that is written all the time", async () => {
  await using watched = await Watched.start(plain);
  const path = join(watched.directory, "a.pem");
  const timer = setInterval(() => Deno.writeTextFileSync(path, "line\n", { append: true }), 10);
  assert.match(await within(8000, "a report", watched.next()), /^one(line\n)+$/);
  clearInterval(timer);
});

Deno.test("watchFiles() reports a change while other files come and go", async () => {
  await using watched = await Watched.start(plain);
  using _busy = busyBeside(watched.directory, (path) => {
    Deno.writeTextFileSync(path, "line\n");
    Deno.removeSync(path);
  });
  await Deno.writeTextFile(join(watched.directory, "a.pem"), "two");
  assert.equal(await within(8000, "a look", watched.next()), "two");
});

Deno.test({
  name: "watchFiles() reports a change of the target of a symbolic link (needs Unix)",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using watched = await Watched.start(async (directory) => {
      const path = join(directory, "a.pem");
      await Deno.writeTextFile(join(directory, "real.pem"), "one");
      await Deno.symlink("real.pem", path);
      return path;
    });
    await Deno.writeTextFile(join(watched.directory, "real.pem"), "two");
    assert.equal(await watched.next(), "two");
  },
});

/** Keeps changing another file. */
function busyBeside(directory: string, touch: (path: string) => void): Disposable {
  const timer = setInterval(() => touch(join(directory, "access.log")), 10);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
