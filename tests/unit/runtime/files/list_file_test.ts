import assert from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import { parseListFile } from "../../../../src/runtime/files/list_file.ts";
import { CidrSet, type CidrTables } from "../../../../src/wire/ip/cidr.ts";

Deno.test("parseListFile() reads one entry a line, whatever the line ends, comments and spaces are", async () => {
  const text = "\ufeff# office\r\n10.0.0.0/8\r\n\r\n  192.0.2.1\t# the printer\n#10.9.9.9\n2001:db8::/32";
  const { entries, count } = await parseListFile("addresses", "a.txt", new TextEncoder().encode(text));
  assert.equal(count, 3);
  const set = new CidrSet(entries as CidrTables);
  const inside = ["10.1.1.1", "192.0.2.1", "2001:db8::1", "10.9.9.9"];
  assert.deepEqual(inside.filter((each) => !set.has(each)), []);
  assert.equal(set.has("192.0.2.2"), false);
});

Deno.test("parseListFile() reads names as a configuration does", async () => {
  const text = "Shop.Example.com\n*.apps.example.com.\nshop.example.com # again\n";
  const { entries, count } = await parseListFile("names", "n.txt", new TextEncoder().encode(text));
  assert.deepEqual([entries, count], ["shop.example.com\n*.apps.example.com", 3]);
});

Deno.test("parseListFile() reads files without an entry", async () => {
  for (const text of ["", "\n", "# none\r\n", "\ufeff", "#"]) {
    const { count } = await parseListFile("addresses", "a.txt", new TextEncoder().encode(text));
    assert.equal(count, 0, JSON.stringify(text));
    assert.equal((await parseListFile("names", "a.txt", new TextEncoder().encode(text))).entries, "");
  }
});

Deno.test("parseListFile() names every wrong line with its number, ten at most, and repeats no long one", async () => {
  const wrong = ["10.0.0.0/33", "one two", "10.0.0.1 10.0.0.2", "\0", "a".repeat(5000), "unix"];
  const lines = ["10.0.0.0/8", ...wrong, "", ...Array(200_000).fill("x")];
  const parsing = parseListFile("addresses", "/l.txt", new TextEncoder().encode(lines.join("\n")));
  const error = await parsing.then(() => assert.fail("it was read"), (error) => error);
  assert.deepEqual(error.problems, [
    '/l.txt:2: Cannot parse "10.0.0.0/33": expected a prefix of 0-32 after the slash',
    ...[
      ["3", "one two"],
      ["4", "10.0.0.1 10.0.0.2"],
      ["5", "\0"],
      ["6", `${"a".repeat(100)}…`],
      ["7", "unix"],
      ["9", "x"],
      ["10", "x"],
      ["11", "x"],
      ["12", "x"],
    ].map(([line, shown]) =>
      `/l.txt:${line}: Cannot parse "${shown}": expected an address or block such as 10.0.0.0/8`
    ),
    "/l.txt: and at least 990 more wrong lines",
  ]);
});

Deno.test("parseListFile() refuses what is not text", async () => {
  await assert.rejects(parseListFile("names", "/n.txt", Uint8Array.of(0x61, 0xff, 0xfe)), {
    message: 'Cannot read "/n.txt": it is not UTF-8 text, save it with that encoding',
  });
});

Deno.test("parseListFile() takes space as `trim` does, and reads an entry that ends with the file", async () => {
  const text = "\u00a010.0.0.1\u3000\n\v10.0.0.2\f # \u2028\n\t2001:db8::/32\r\n #\n::1#::2\n10.0.0.3/32";
  const { entries, count } = await parseListFile("addresses", "a.txt", new TextEncoder().encode(text));
  assert.equal(count, 5);
  const set = new CidrSet(entries as CidrTables);
  const all = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "2001:db8::9", "::1", "::2"];
  assert.deepEqual(all.filter((each) => set.has(each)), [
    "10.0.0.1",
    "10.0.0.2",
    "10.0.0.3",
    "2001:db8::9",
    "::1",
  ]);
  await assert.rejects(parseListFile("addresses", "a.txt", new TextEncoder().encode("\n\x0010.0.0.1")), {
    message: 'a.txt:2: Cannot parse "\x0010.0.0.1": expected an address or block such as 10.0.0.0/8',
  });
});

const BLOCKS = {
  IPv4: (index: number) => `${1 + index % 223}.${index >>> 8 & 255}.${index & 255}.0/24`,
  IPv6: (index: number) =>
    `2${(index & 0xfff).toString(16)}:${(index >>> 4 & 0xffff).toString(16)}:${
      (index & 0xffff).toString(16)
    }::/48`,
};

for (const [family, block] of Object.entries(BLOCKS)) {
  Deno.test(`100 000 blocks of ${family} take less than 200 ms of CPU to load, and each look-up less than a microsecond, on an idle machine`, async () => {
    // A busy machine has slower caches.
    const margin = 5;
    const lines = Array.from({ length: 100_000 }, (_, index) => block(index * 7919));
    const directory = await Deno.makeTempDir({ prefix: "sluice-list-" });
    try {
      await Deno.writeTextFile(join(directory, "l.txt"), lines.join("\n"));
      const bytes = await Deno.readFile(join(directory, "l.txt"));
      const loading = cpuOfThread();
      const { entries, count } = await parseListFile("addresses", "l.txt", bytes);
      const set = new CidrSet(entries as CidrTables);
      const milliseconds = cpuOfThread() - loading;
      assert.equal(count, 100_000);
      const inside = lines.slice(0, 500).map((each) => each.split("/")[0]!);
      const addresses = [...inside, ...Array.from({ length: 500 }, (_, index) => `240.0.${index % 256}.9`)];
      const looking = cpuOfThread();
      let hits = 0;
      for (let round = 0; round < 200; round++) {
        for (const each of addresses) hits += set.has(each) ? 1 : 0;
      }
      const microseconds = (cpuOfThread() - looking) / 200;
      assert.equal(hits, 100_000);
      assert.ok(milliseconds < 200 * margin, `loaded in ${milliseconds} ms of CPU`);
      assert.ok(microseconds < 1 * margin, `looked up in ${microseconds} µs of CPU`);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}

/** The CPU time of this thread, without those of other tests, in milliseconds; elsewhere than on Linux, of the process. */
function cpuOfThread(): number {
  if (Deno.build.os === "linux") {
    return Number(Deno.readTextFileSync("/proc/thread-self/schedstat").split(" ")[0]) / 1e6;
  }
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
