/** Runs every command, configuration and program of README.md and docs, as they are printed. */

import { CertificateAuthority, OPENSSL } from "../certificates.ts";
import { findProgram } from "../interop.ts";
import { type Block, type Page, readPages } from "./page.ts";
import { Section, type SectionParts, writePrograms } from "./section.ts";

/** Languages of blocks that run here. Of the others, tests/unit/docs_test.ts asks for another test. */
export const RUN: ReadonlySet<string> = new Set(["sh", "yaml", "ts", "json"]);
/** Commands are for a shell, and programs in the background are ended by their process group. */
const ignore = Deno.build.os !== "linux" || OPENSSL.needs.some((name) => findProgram(name) === undefined);

/** Tests each page of this part, one of `parts`. Test files run beside each other, the tests of one file do not. */
export function testExamples(part: number, parts: number): void {
  const pages = readPages().filter(({ text }) => !/^<!-- page: tested=/m.test(text));
  for (const page of pages.filter((_, index) => index % parts === part)) {
    Deno.test({
      name: `the examples of ${page.path} work as printed`,
      ignore,
      fn: (t) => runPage(page, t),
    });
  }
}

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
