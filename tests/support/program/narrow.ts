/** Runs sluice from source with the permissions that docs/security.md lists, and no others. */

import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { LineReader } from "../peers/line_reader.ts";
import { type Ready, Sluice, sluiceCommand } from "./program.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const PAGE = await Deno.readTextFile(join(ROOT, "docs/security.md"));

/** An executable has its permissions inside. */
export const CANNOT_NARROW = Deno.env.get("SLUICE_BIN") !== undefined;

/** The values of flags, such as `["127.0.0.1:80"]` of `--allow-net`; none for a flag without a list. */
export type Flags = ReadonlyMap<string, readonly string[]>;

/** The flags in the row of the page's table that begins so, with values in place of its words in capitals. */
export function documentedFlags(row: string, words: Readonly<Record<string, string>>): Flags {
  const line = PAGE.split("\n").find((each) => each.startsWith(`| ${row}`));
  assert.ok(line !== undefined, `docs/security.md has no row "${row}"`);
  const flags = new Map<string, readonly string[]>();
  for (const [, flag, list] of line.matchAll(/(--allow-[a-z]+)(?:=([^\s`]+))?/g)) {
    const values = list?.split(",").map((each) =>
      each.replaceAll(/[A-Z]{2,}/g, (word) => valueOf(words, word))
    );
    flags.set(flag!, [...flags.get(flag!) ?? [], ...values ?? []]);
  }
  assert.ok(flags.size > 0, line);
  return flags;
}

function valueOf(words: Readonly<Record<string, string>>, word: string): string {
  assert.ok(words[word] !== undefined, `the test has no value for ${word}`);
  return words[word];
}

/** All of them; a flag that one has without a list needs none. */
export function together(...all: readonly Flags[]): Flags {
  const names = new Set(all.flatMap((flags) => [...flags.keys()]));
  return new Map(Array.from(names, (name) => {
    const lists = all.map((flags) => flags.get(name)).filter((list) => list !== undefined);
    return [name, lists.some((list) => list.length === 0) ? [] : lists.flat()];
  }));
}

/** What every sluice from source needs: it reads its own modules, those of the bundle too, and the environment. */
export const ALWAYS: Flags = new Map([
  ["--allow-read", [ROOT, dirname(sluiceCommand().at(-1)!)]],
  ["--allow-env", []],
]);

/** The command that runs sluice with these permissions, in place of its usual ones. */
export function commandWith(flags: Flags): string[] {
  const command = sluiceCommand().filter((part) => !part.startsWith("--allow-"));
  const given = Array.from(flags, ([flag, list]) => list.length === 0 ? flag : `${flag}=${list.join(",")}`);
  command.splice(command.indexOf("run") + 1, 0, ...given);
  return command;
}

/** What a test does with a program. */
export type Running = Pick<Sluice, "port" | "kill">;

export interface Attempt {
  readonly args: readonly string[];
  /** What it needs besides the permissions that are tried. */
  readonly before: Flags;
  readonly tried: Flags;
  readonly env?: Record<string, string>;
  /** Fails unless it works. */
  readonly use?: (sluice: Running) => Promise<unknown>;
  /** Does what a message comes of where a permission is missing; `use` unless given. */
  readonly provoke?: (sluice: Running) => Promise<unknown>;
}

/** It works with all flags. */
export async function works({ args, before, tried, env = {}, use }: Attempt): Promise<void> {
  const command = commandWith(together(ALWAYS, before, tried));
  // Several threads bind the port that the first one got, which a flag with port 0 does not list.
  await using sluice = await Sluice.start([...args], { env, command, workers: 1 });
  await use?.(sluice);
}

/** Without `flag`, the program prints this message, whether it becomes ready or not. */
export async function complains(
  { args, before, tried, env = {}, use, provoke = use }: Attempt,
  flag: string,
  message: RegExp,
): Promise<void> {
  assert.ok(tried.has(flag), `${flag} is not in the row`);
  const rest = new Map([...tried].filter(([name]) => name !== flag));
  const [program, ...own] = commandWith(together(ALWAYS, before, rest));
  const child = new Deno.Command(program!, {
    args: [...own, ...args, "--print-ready"],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1", ...env },
  }).spawn();
  const [stdout, stderr] = [new LineReader(child.stdout), new LineReader(child.stderr)];
  // What it does fails, or not: the message counts.
  const provoked = stdout.find(() => true).then((line) => provoke?.(runningOf(child, line))).catch(() => {});
  const ended = child.status;
  try {
    const found = stderr.find((line) => message.test(line)).catch(() => undefined);
    assert.ok(await found !== undefined, `without ${flag}, not ${message} but ${stderr.text}`);
  } finally {
    tryKill(child);
    await Promise.all([ended, provoked, stdout.done, stderr.done]);
  }
}

function runningOf(child: Deno.ChildProcess, line: string): Running {
  const { services }: Ready = JSON.parse(line);
  return {
    port: () => Number(/:(\d+)$/.exec(services[0]!.listen[0]!)![1]),
    kill: (signal) => child.kill(signal),
  };
}

function tryKill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended.
  }
}
