import assert from "node:assert/strict";
import { join } from "node:path";
import { decodeConfig } from "../../../../src/config/decode.ts";
import { silentLog } from "../../../../src/observe/log/log.ts";
import { FileLists, type ListContents } from "../../../../src/proxy/file_lists.ts";
import { ListFiles, loadLists } from "../../../../src/runtime/files/list_files.ts";

Deno.test("loadLists() reads each file once, and names every problem with its place", async () => {
  await using fixture = await Fixture.create();
  await fixture.write("good.txt", "10.0.0.0/8\n");
  await fixture.write("bad.txt", "10.0.0.0/8\nten\n\neleven\n");
  const config = fixture.config(["good.txt", "bad.txt"], ["missing.txt", "bad.txt"]);
  await assert.rejects(loadLists(config), ({ problems }) => {
    const seen = problems.map(({ path, message }: { path: string; message: string }) =>
      `${path}: ${message.replaceAll(fixture.directory, "")}`
    );
    assert.deepEqual(seen, [
      'services[0].allow[1].file: /bad.txt:2: Cannot parse "ten": expected an address or block such as 10.0.0.0/8',
      'services[0].allow[1].file: /bad.txt:4: Cannot parse "eleven": expected an address or block such as 10.0.0.0/8',
      'services[0].deny[0].file: Cannot read "/missing.txt": no such file (check the path)',
    ]);
    return true;
  });
});

Deno.test("ListFiles.reload() hands on what has changed, once, and logs it", async () => {
  await using fixture = await Fixture.create();
  await fixture.write("a.txt", "10.0.0.0/8\n");
  await fixture.write("b.txt", "10.0.0.0/8\n");
  await fixture.start(["a.txt"], ["b.txt"]);
  assert.deepEqual(await fixture.files.reload(), []);
  assert.deepEqual(fixture.taken, []);
  await fixture.write("a.txt", "10.0.0.0/8\n10.0.0.0/8\n192.0.2.1\n");
  assert.deepEqual(await fixture.files.reload(), []);
  assert.deepEqual(await fixture.files.reload(), []);
  assert.deepEqual(fixture.taken, ["addresses /a.txt"]);
  assert.deepEqual(fixture.logged, ['info "/a.txt": new entries are in use']);
  assert.deepEqual(fixture.files.figures.map(({ entries, isStale }) => [entries, isStale]), [[3, false], [
    1,
    false,
  ]]);
});

Deno.test("ListFiles.reload() keeps the entries of a file that is broken or gone, and logs that once", async () => {
  await using fixture = await Fixture.create();
  await fixture.write("a.txt", "10.0.0.0/8\n");
  await fixture.start(["a.txt"], []);
  const set = fixture.lists.addresses([{ file: join(fixture.directory, "a.txt") }]);
  await fixture.write("a.txt", "192.0.2.0/24\nten\n");
  const kept = [
    'Keeping the entries in use. /a.txt:2: Cannot parse "ten": expected an address or block such as 10.0.0.0/8',
  ];
  for (const _ of [1, 2]) assert.deepEqual((await fixture.files.reload()).map(fixture.short), kept);
  await Deno.remove(join(fixture.directory, "a.txt"));
  assert.equal((await fixture.files.reload()).length, 1);
  assert.deepEqual(fixture.logged.splice(0), [`error ${kept}`]);
  assert.deepEqual([set.has("10.1.1.1"), set.has("192.0.2.1")], [true, false]);
  assert.deepEqual(fixture.files.figures[0]!.isStale, true);
  // The file of before is one that can be used again.
  await fixture.write("a.txt", "10.0.0.0/8\n");
  assert.deepEqual(await fixture.files.reload(), []);
  assert.deepEqual(fixture.logged.splice(0), ['info "/a.txt": new entries are in use']);
  await fixture.write("a.txt", "192.0.2.0/24\n");
  assert.deepEqual(await fixture.files.reload(), []);
  assert.deepEqual([set.has("10.1.1.1"), set.has("192.0.2.1")], [false, true]);
});

class Fixture implements AsyncDisposable {
  readonly directory: string;
  readonly logged: string[] = [];
  readonly taken: string[] = [];
  readonly lists = new FileLists();
  readonly files = new ListFiles({
    log: {
      ...silentLog(),
      info: (message) => void this.logged.push(`info ${this.short(message)}`),
      error: (message) => void this.logged.push(`error ${this.short(message)}`),
    },
    onChange: (contents) => this.#take(contents),
  });

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async create(): Promise<Fixture> {
    return new Fixture(await Deno.makeTempDir({ prefix: "sluice-lists-" }));
  }

  readonly short = (text: string): string => text.replaceAll(this.directory, "");

  write(name: string, text: string): Promise<void> {
    return Deno.writeTextFile(join(this.directory, name), text);
  }

  config(allow: string[], deny: string[]) {
    const listed = (names: string[]) => names.map((file) => ({ file }));
    const service = { name: "a", listen: 0, allow: listed(allow), deny: listed(deny), upstream: "db:1" };
    return decodeConfig({ services: [service] }, { file: join(this.directory, "sluice.yaml") });
  }

  async start(allow: string[], deny: string[]): Promise<void> {
    this.files.use(await this.files.load(this.config(allow, deny)));
    this.lists.set(this.files.contents);
  }

  #take(contents: ListContents): void {
    this.taken.push(...[...contents.keys()].map(this.short));
    this.lists.set(contents);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.files.stop();
    await Deno.remove(this.directory, { recursive: true });
  }
}
