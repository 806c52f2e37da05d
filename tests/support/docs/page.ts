/**
 * Reads a page of the documentation: its blocks of code, links and headings.
 *
 * A comment before a block, which readers do not see, says how a test runs it:
 *
 *     <!-- example: file=sluice.yaml -->
 *
 * | directive       | means                                                                             |
 * | --------------- | --------------------------------------------------------------------------------- |
 * | `file=NAME`     | the block is also written to this file                                            |
 * | `background`    | the command runs on, until the next heading; it is ready once it says so          |
 * | `exit=N`        | it ends with this code, 0 unless given                                            |
 * | `prints`        | the commands before this block have printed these lines, numbers aside            |
 * | `in=checkout`   | it runs at the root of the repository, not in an empty folder                     |
 * | `with=redis:N`  | a server that answers as Redis does to PING listens on port N                     |
 * | `needs=PROGRAM` | it runs where this program is installed                                           |
 * | `setup="…"`     | this command runs before it                                                       |
 * | `frame=service` | these are keys of one service; `frame=file`, keys of a file without `services`    |
 * | `tested=PATH`   | another test runs it                                                              |
 * | `by="…"`        | this command checks its file, in place of `sluice check`                          |
 * | `skip="…"`      | it cannot run here, for this reason, which the next line tells readers            |
 *
 * `<!-- ports: 5000 9000 -->` at the top of a page names the ports that a test replaces by free ones.
 */

import { fileURLToPath } from "node:url";

export const ROOT = new URL("../../../", import.meta.url);

/** The valid directives; anything else is a mistake. */
const DIRECTIVES = [
  "file",
  "background",
  "exit",
  "prints",
  "in",
  "with",
  "needs",
  "setup",
  "frame",
  "tested",
  "by",
  "skip",
] as const;

export type Directives = Readonly<Partial<Record<typeof DIRECTIVES[number], string>>>;

export interface Block {
  /** Counts headings: blocks of one section share a folder and what runs in the background. */
  readonly section: number;
  readonly language: string;
  readonly code: string;
  /** The number of its first line, from 1. */
  readonly line: number;
  readonly directives: Directives;
}

export interface Page {
  /** From the root of the repository: `docs/tls.md`. */
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly Block[];
  readonly ports: readonly number[];
  /** The anchors of its headings. */
  readonly anchors: ReadonlySet<string>;
  /** Its text, without blocks of code and comments. */
  readonly prose: string;
}

/** README.md and the pages in docs and docs/deploy. */
export function readPages(): Page[] {
  const docs = ["docs/", "docs/deploy/"].flatMap((folder) =>
    [...Deno.readDirSync(new URL(folder, ROOT))].map(({ name }) => `${folder}${name}`)
  );
  const paths = ["README.md", ...docs.filter((path) => path.endsWith(".md")).sort()];
  return paths.map((path) => parsePage(path, Deno.readTextFileSync(new URL(path, ROOT))));
}

/** @throws {Error} for a directive that does not exist. */
export function parsePage(path: string, text: string): Page {
  const blocks: Block[] = [];
  const prose: string[] = [];
  const anchors = new Set<string>();
  let ports: number[] = [];
  let section = 0;
  let directives: Directives = {};
  const lines = text.split("\n");
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index]!;
    const fence = /^( *)```(\w*)$/.exec(line);
    const comment = /^ *<!-- (example|ports): (.*) -->$/.exec(line);
    if (fence !== null) {
      const [, indent, language] = fence;
      const end = lines.indexOf(`${indent}\`\`\``, index + 1);
      const code = lines.slice(index + 1, end).map((each) => each.slice(indent!.length)).join("\n");
      blocks.push({ section, language: language!, code: `${code}\n`, line: index + 2, directives });
      directives = {};
      index = end;
    } else if (comment !== null) {
      if (comment[1] === "ports") ports = comment[2]!.split(" ").map(Number);
      else directives = parseDirectives(comment[2]!);
    } else {
      const heading = /^#+ (.*)$/.exec(line);
      if (heading !== null) {
        section += 1;
        anchors.add(anchorOf(heading[1]!, anchors));
      }
      prose.push(line);
    }
  }
  return { path, text, blocks, ports, anchors, prose: prose.join("\n").replaceAll(/<!--.*?-->/gs, "") };
}

function parseDirectives(text: string): Directives {
  const directives: Record<string, string> = {};
  for (const [, name, quoted, word] of text.matchAll(/([^\s=]+)(?:=(?:"([^"]*)"|(\S+)))?/g)) {
    if (!(DIRECTIVES as readonly string[]).includes(name!)) throw new Error(`Unknown directive "${name}"`);
    directives[name!] = quoted ?? word ?? "";
  }
  return directives;
}

/** As GitHub makes anchors of headings. */
function anchorOf(heading: string, taken: ReadonlySet<string>): string {
  const plain = heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-");
  if (!taken.has(plain)) return plain;
  for (let count = 1;; count++) if (!taken.has(`${plain}-${count}`)) return `${plain}-${count}`;
}

/** The path of a file in the repository. */
export function pathOf(path: string): string {
  return fileURLToPath(new URL(path, ROOT));
}

/** The code of the first block of a page, named as {@linkcode Page.path}, that is in this language and has this text. */
export function blockWith(page: string, language: string, text: string): string {
  const blocks = readPages().find(({ path }) => path === page)?.blocks ?? [];
  const found = blocks.find((block) => block.language === language && block.code.includes(text));
  if (found === undefined) throw new Error(`${page} has no block of ${language} with "${text}"`);
  return found.code;
}
