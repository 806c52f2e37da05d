/** Runs every command, configuration and program of README.md and docs, as they are printed. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { CertificateAuthority, OPENSSL } from "../../support/certificates.ts";
import { type Block, type Page, pathOf, readPages } from "../../support/docs/page.ts";
import { importing, Section, type SectionParts, writePrograms } from "../../support/docs/section.ts";
import { findProgram } from "../../support/interop.ts";
import { runSluice } from "../../support/program/program.ts";

const PAGES = readPages();
const RUN = new Set(["sh", "yaml", "ts", "json"]);
/** Commands are for a shell, and programs in the background are ended by their process group. */
const ignore = Deno.build.os !== "linux" || OPENSSL.needs.some((name) => findProgram(name) === undefined);

for (const page of PAGES.filter(({ text }) => !/^<!-- page: tested=/m.test(text))) {
  Deno.test({
    name: `the examples of ${page.path} work as printed`,
    ignore,
    fn: (t) => runPage(page, t),
  });
}

Deno.test("the programs in README.md and docs have the right types", async () => {
  const folder = await Deno.makeTempDir({ prefix: "sluice-docs-" });
  try {
    const programs = PAGES.flatMap(({ path, blocks }) =>
      blocks.filter(({ language }) => language === "ts").map(({ code, line }) => ({
        file: join(folder, `${path.replaceAll(/\W/g, "_")}_${line}.ts`),
        code,
      }))
    );
    assert.ok(programs.length >= 4, `only ${programs.length} programs`);
    for (const { file, code } of programs) await Deno.writeTextFile(file, importing(code));
    const importMap = Deno.env.get("SLUICE_IMPORT_MAP");
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["check", "--quiet", "--config", pathOf("deno.json")],
        ...importMap ? ["--import-map", importMap] : [],
        ...programs.map(({ file }) => file),
      ],
      env: { NO_COLOR: "1" },
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("sluice check finds nothing wrong with config.example.yaml", async () => {
  const { code, stderr } = await runSluice(["check", pathOf("config.example.yaml")]);
  assert.equal(code, 0, stderr);
});

async function runPage(page: Page, t: Deno.TestContext): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const authority = stack.use(await CertificateAuthority.create());
  const pair = await authority.issue({ name: "localhost" });
  const programs = await Deno.makeTempDir({ prefix: "sluice-docs-" });
  stack.defer(() => Deno.remove(programs, { recursive: true }));
  await writePrograms(programs);
  const parts: SectionParts = { authority, pair, programs, ports: freePorts(page.ports) };
  for (const blocks of Map.groupBy(page.blocks, ({ section }) => section).values()) {
    await using section = await Section.open(parts);
    for (const block of blocks.filter(isRun)) {
      await t.step(`line ${block.line}, ${block.language || "text"}`, () => section.run(block));
    }
  }
}

/** Blocks without a language are pictures and lines of logs, unless they say what a command prints. */
function isRun({ language, directives }: Block): boolean {
  return RUN.has(language) || directives.file !== undefined || directives.prints !== undefined;
}

/** A free port for each that is printed. */
function freePorts(printed: readonly number[]): Map<number, number> {
  const ports = new Map<number, number>();
  for (const port of printed) {
    let free;
    do free = freePort(); while ([...ports.values()].includes(free));
    ports.set(port, free);
  }
  return ports;
}

/**
 * Below those that the system gives for port 0 and for connections: a program binds it seconds later, when a test beside
 * this one must not have got it.
 */
function freePort(): number {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
