/** What a release has besides executables: the Debian package, the Homebrew formula and the list of its parts. */

import assert from "node:assert/strict";
import { join } from "node:path";
import denoJson from "../../deno.json" with { type: "json" };
import { buildDeb } from "../../.github/build/deb.ts";
import { formula } from "../../.github/build/formula.ts";
import { bomOf } from "../../.github/build/sbom.ts";
import { ConfigFile } from "../../src/config/load.ts";
import { findProgram } from "../support/interop.ts";

const { version } = denoJson;
const RUNTIME = { deno: "2.9.6", v8: "15.0.245" };

/** Stands for the executable: it says what it was asked for. */
const EXECUTABLE = `#!/bin/sh\necho "$@"\n`;

/** What the package installs. */
const FILES = [
  "/etc/sluice/sluice.yaml",
  "/usr/bin/sluice",
  "/usr/lib/systemd/system/sluice.service",
  "/usr/lib/systemd/system/sluice.socket",
  "/usr/share/bash-completion/completions/sluice",
  "/usr/share/doc/sluice/changelog.gz",
  "/usr/share/doc/sluice/config.example.yaml",
  "/usr/share/doc/sluice/copyright",
  "/usr/share/fish/vendor_completions.d/sluice.fish",
  "/usr/share/man/man1/sluice.1.gz",
  "/usr/share/zsh/vendor-completions/_sluice",
];

Deno.test({
  name: "buildDeb() makes a package that dpkg installs, keeps a changed configuration, and removes",
  ignore: ["dpkg-deb", "dpkg"].some((name) => findProgram(name) === undefined),
  fn: async () => {
    const folder = await Deno.makeTempDir({ prefix: "sluice-deb-" });
    try {
      const executable = join(folder, "sluice");
      await Deno.writeTextFile(executable, EXECUTABLE, { mode: 0o755 });
      const parts = { executable, maintainer: "A B <a@b.example>", output: folder };
      const deb = await buildDeb({ ...parts, architecture: "amd64" });
      assert.equal(deb, join(folder, `sluice_${version}_amd64.deb`));
      assert.deepEqual(await filesIn(deb), FILES);
      const root = join(folder, "root");
      await installInto(root, deb);
      const { code, stdout } = await run(join(root, "usr/bin/sluice"), ["a", "b"]);
      assert.deepEqual([code, stdout], [0, "a b\n"]);
      const unit = await Deno.readTextFile(join(root, "usr/lib/systemd/system/sluice.service"));
      assert.match(unit, /^ExecStart=\/usr\/bin\/sluice -c \/etc\/sluice\/sluice\.yaml$/m);
      assert.doesNotMatch(unit, /usr\/local/);
      const socket = await Deno.readTextFile(join(root, "usr/lib/systemd/system/sluice.socket"));
      assert.equal(
        socket,
        await Deno.readTextFile(new URL("../../docs/deploy/sluice.socket", import.meta.url)),
      );
      assert.equal(
        await Deno.readTextFile(join(root, "usr/share/bash-completion/completions/sluice")),
        "completions bash\n",
      );
      const configuration = join(root, "etc/sluice/sluice.yaml");
      await new ConfigFile(configuration, () => undefined).load();

      await Deno.writeTextFile(configuration, "# changed\n");
      await installInto(root, deb);
      assert.equal(await Deno.readTextFile(configuration), "# changed\n");
      await dpkg(root, "--remove", "sluice");
      await assert.rejects(Deno.stat(join(root, "usr/bin/sluice")), Deno.errors.NotFound);
      assert.equal(await Deno.readTextFile(configuration), "# changed\n");
      await dpkg(root, "--purge", "sluice");
      await assert.rejects(Deno.stat(configuration), Deno.errors.NotFound);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("formula() has the sums of the archives, and refuses a release without one of them", () => {
  const targets = [
    "x86_64-apple-darwin",
    "aarch64-apple-darwin",
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
  ];
  const sums = targets.map((target, index) =>
    `${String(index).repeat(64)}  sluice-v${version}-${target}.tar.gz\n`
  );
  const text = formula("owner/name", sums.join(""));
  const pairs = [...text.matchAll(/url "(\S+)"\n +sha256 "(\w+)"/g)].map(([, url, sum]) => [url, sum]);
  const base = `https://github.com/owner/name/releases/download/v${version}/sluice-v${version}`;
  assert.deepEqual(
    pairs,
    [1, 0, 3, 2].map((index) => [`${base}-${targets[index]}.tar.gz`, String(index).repeat(64)]),
  );
  assert.throws(() => formula("owner/name", sums[0]!), /has no line for sluice-v\S+-aarch64-apple-darwin/);
});

Deno.test({
  name: "ruby can read the formula",
  ignore: findProgram("ruby") === undefined,
  fn: async () => {
    const sums = ["apple-darwin", "unknown-linux-gnu"].flatMap((system) =>
      ["x86_64", "aarch64"].map((processor) =>
        `${"a".repeat(64)}  sluice-v${version}-${processor}-${system}.tar.gz`
      )
    );
    const file = await Deno.makeTempFile({ suffix: ".rb" });
    await Deno.writeTextFile(file, formula("owner/name", sums.join("\n")));
    const { code, stderr } = await run("ruby", ["-c", file]);
    await Deno.remove(file);
    assert.equal(code, 0, stderr);
  },
});

Deno.test("bomOf() lists the packages of a lock file with their hashes, and the runtime", () => {
  const bom = bomOf({
    version: "5",
    jsr: { "@std/cli@1.0.28": { integrity: "ab12" } },
    npm: {
      "zod@4.1.12": { integrity: "sha512-AAEC" },
      "@a/b@1.0.0-rc.1_zod@4.1.12": { integrity: "sha512-/w==" },
    },
  }, RUNTIME);
  assert.deepEqual(bom.components.map(({ purl, hashes }) => [purl, hashes?.[0]?.content]), [
    ["pkg:github/denoland/deno@v2.9.6", undefined],
    ["pkg:generic/v8@15.0.245", undefined],
    ["pkg:jsr/%40std/cli@1.0.28", "ab12"],
    ["pkg:npm/zod@4.1.12", "000102"],
    ["pkg:npm/%40a/b@1.0.0-rc.1", "ff"],
  ]);
  assert.deepEqual(bom.dependencies, [{
    ref: `pkg:generic/sluice@${version}`,
    dependsOn: bom.components.map(({ purl }) => purl),
  }]);
});

for (
  const { lock, message } of [
    { lock: { version: "4", npm: {} }, message: /version 4/ },
    { lock: { version: "5" }, message: /no packages/ },
    { lock: { version: "5", npm: { zod: { integrity: "sha512-AAEC" } } }, message: /package "zod"/ },
    { lock: { version: "5", npm: { "a@1": { integrity: "sha1-AAEC" } } }, message: /hash "sha1-AAEC"/ },
  ]
) {
  Deno.test(`bomOf() refuses ${JSON.stringify(lock)}`, () => {
    assert.throws(() => bomOf(lock, RUNTIME), { message });
  });
}

Deno.test("a lock file of the build has the packages of deno.json that the program imports", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const lock = join(folder, "deno.lock");
    const importMap = Deno.env.get("SLUICE_IMPORT_MAP");
    const { code, stderr } = await run(Deno.execPath(), [
      ...["cache", "--quiet", "--lock", lock, "--frozen=false"],
      ...importMap ? ["--import-map", importMap] : [],
      "main.ts",
    ], { cwd: new URL("../../", import.meta.url) });
    assert.equal(code, 0, stderr);
    const purls = bomOf(JSON.parse(await Deno.readTextFile(lock)), RUNTIME).components.map(({ purl }) =>
      purl
    );
    for (const name of ["zod", "yaml", "uplot", "eventsource-parser"]) {
      assert.ok(purls.some((purl) => purl.startsWith(`pkg:npm/${name}@`)), name);
    }
    assert.ok(
      !purls.some((purl) => purl.includes("puppeteer")),
      "the packages of tests are not in the executable",
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** The files of a package, without folders. */
async function filesIn(deb: string): Promise<string[]> {
  const { code, stdout, stderr } = await run("dpkg-deb", ["--contents", deb]);
  assert.equal(code, 0, stderr);
  const paths = stdout.trimEnd().split("\n").map((line) => line.slice(line.indexOf("./") + 1));
  return paths.filter((path) => !path.endsWith("/")).sort();
}

async function installInto(root: string, deb: string): Promise<void> {
  for (const folder of ["updates", "info"]) {
    await Deno.mkdir(join(root, "var/lib/dpkg", folder), { recursive: true });
  }
  await Deno.writeTextFile(join(root, "var/lib/dpkg/status"), "", { append: true });
  await dpkg(root, "--install", deb);
}

/** As the user that runs the tests. Scripts of the package run without chroot, and leave the system alone for DPKG_ROOT. */
async function dpkg(root: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await run("dpkg", [
    ...["--root", root, "--force-not-root,script-chrootless,depends,confold,bad-path", "--log=/dev/null"],
    ...args,
  ]);
  assert.equal(code, 0, stderr);
}

async function run(program: string, args: string[], options: Deno.CommandOptions = {}) {
  const { code, stdout, stderr } = await new Deno.Command(program, { ...options, args, stdin: "null" })
    .output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
