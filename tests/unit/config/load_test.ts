import assert from "node:assert/strict";
import { ConfigError } from "../../../src/config/config_error.ts";
import { ConfigFile } from "../../../src/config/load.ts";
import { parseYaml } from "../../../src/config/input/yaml.ts";

Deno.test("ConfigFile.load() names a missing file and the remedy", async () => {
  await assert.rejects(new ConfigFile("/does/not/exist.yaml", () => undefined).load(), {
    name: "ConfigError",
    problems: [{ path: "", message: 'Cannot read "/does/not/exist.yaml": no such file, check the path' }],
    file: "/does/not/exist.yaml",
  });
});

Deno.test({
  name: "ConfigFile.load() says that a directory is not a file",
  // Other systems report it in other words.
  ignore: Deno.build.os !== "linux",
  async fn() {
    const directory = await Deno.makeTempDir();
    try {
      await assert.rejects(new ConfigFile(directory, () => undefined).load(), {
        problems: [{ path: "", message: `Cannot read "${directory}": it is a directory, name a file in it` }],
      });
    } finally {
      await Deno.remove(directory);
    }
  },
});

Deno.test("ConfigFile.load() refuses a file in another encoding", async () => {
  await withFile(new Uint8Array([0x6e, 0xe4, 0x3a, 0x20, 0x31]), async (file) => {
    await assert.rejects(
      new ConfigFile(file, () => undefined).load(),
      /: it is not UTF-8 text, save it with that encoding$/,
    );
  });
});

Deno.test("ConfigFile.load() expands variables with the lookup it is given", async () => {
  const text = "services: [{ name: a, listen: 1, upstream: '${HOST}:${PORT:-5432}' }]";
  await withFile(new TextEncoder().encode(text), async (file) => {
    const config = await new ConfigFile(file, (name) => name === "HOST" ? "db" : undefined).load();
    assert.equal(config.services[0]?.upstream?.name, "db:5432");
  });
});

Deno.test("ConfigFile.load() takes a byte order mark and Windows line ends", async () => {
  const text = "\ufeffservices:\r\n  - name: a\r\n    listen: 1\r\n    upstream: db:1\r\n";
  await withFile(new TextEncoder().encode(text), async (file) => {
    assert.equal((await new ConfigFile(file, () => undefined).load()).services.length, 1);
  });
});

Deno.test("parseYaml() gives line and column, and never a piece of the file", () => {
  const texts = [
    "services:\n  - name: a\n   password: hunter2\n",
    "services:\n  - password: hunter2\n    password: hunter2\n",
    "services: [hunter2\n",
    "services: 'hunter2\n",
    "hunter2: hunter2: hunter2\n",
    "services: @hunter2\n",
  ];
  for (const text of texts) {
    assert.throws(() => parseYaml(text, "a.yaml"), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.equal(error.problems.length, 1);
      assert.match(error.message, /\n {2}a\.yaml:\d+:\d+: Cannot parse YAML: \w/);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
  }
});

Deno.test("parseYaml() refuses keys that occur twice", () => {
  for (const text of ["a: 1\na: 2\n", "a: { b: 1, b: 2 }\n"]) {
    assert.throws(() => parseYaml(text), /: this key is already in the mapping$/);
  }
});

Deno.test("parseYaml() refuses several documents", () => {
  assert.throws(() => parseYaml("a: 1\n---\nb: 2\n"), /Cannot parse YAML.*: .*single document/);
});

Deno.test("parseYaml() knows the usual mistakes", () => {
  const ipv6 = "services:\n  - name: a\n    listen: [::1]:5000\n    upstream: db:1\n";
  assert.throws(() => parseYaml(ipv6), /, write an IPv6 address in quotes: "\[::1\]:5432"$/);
  assert.throws(
    () => parseYaml("a: { b: ${NAME} }\n"),
    /, write a value with "\$\{" in quotes inside \{ \} and \[ \]$/,
  );
  for (const text of ["sni: *.example.com\n", "sni: [a.b, *.example.com]\n", "sni:\n  - *\n"]) {
    assert.throws(() => parseYaml(text), /, write a value that begins with "\*" in quotes$/, text);
  }
  assert.throws(() => parseYaml("a: *name\n"), /: [^,]*$/);
});

async function withFile(content: Uint8Array, use: (file: string) => Promise<void>): Promise<void> {
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeFile(file, content);
    await use(file);
  } finally {
    await Deno.remove(file);
  }
}
