/** Tests with real servers: which are skipped and why, how long they may take, and how programs are run. */

import { delimiter, join } from "node:path";
import type { Account } from "./servers/server_home.ts";

/** A test that takes longer than this is stuck: what it started is ended, and it fails. */
const TEST_DEADLINE_MS = 120_000;

/** So is a program that should run to its end. */
const RUN_DEADLINE_MS = 60_000;

/** As much of a failed program's output as is of use to a reader, in characters; it may have been a large result. */
const LARGEST_REPORT = 4000;

/** Where Debian puts programs that are not in everybody's PATH. */
const MORE_DIRECTORIES = ["/usr/local/sbin", "/usr/sbin", ...postgresDirectories()];

export interface Needs {
  /** The programs the test cannot do without. */
  readonly needs: readonly string[];
  /** The line that installs them. */
  readonly install: string;
}

/**
 * A test that is skipped, with the line that helps in its name, where a program it needs is not installed.
 * What the test puts on `stack` is disposed of when it ends, in any way, and also when it does not end.
 */
export function interopTest(
  name: string,
  { needs, install }: Needs,
  fn: (stack: AsyncDisposableStack) => Promise<void>,
): void {
  const ignore = needs.some((program) => findProgram(program) === undefined);
  Deno.test({
    name: ignore ? `${name} (skipped: ${install})` : name,
    ignore,
    fn: () => withStack(fn),
  });
}

/** Where a program is, or undefined when it is not installed. */
export function findProgram(name: string): string | undefined {
  const directories = (Deno.env.get("PATH") ?? "").split(delimiter).concat(MORE_DIRECTORIES);
  return directories.map((directory) => join(directory, name)).find(isFile);
}

export interface RunOptions {
  /** What the program reads; nothing unless given. */
  readonly input?: string;
  /** The user that runs it; the tests' own unless given. */
  readonly account?: Account;
  readonly cwd?: string;
}

export interface Output {
  readonly stdout: Uint8Array<ArrayBuffer>;
  readonly text: string;
  readonly stderr: string;
}

/** Runs a program to its end and returns what it wrote. Throws, with that, when the exit code is not 0. */
export async function run(program: string, args: string[], options: RunOptions = {}): Promise<Output> {
  const child = spawn(program, args, options);
  const deadline = setTimeout(() => child.kill("SIGKILL"), RUN_DEADLINE_MS);
  try {
    const [{ code, signal, ...output }] = await Promise.all([child.output(), feed(child, options.input)]);
    const text = new TextDecoder().decode(output.stdout);
    const stderr = new TextDecoder().decode(output.stderr);
    if (code !== 0) {
      const wrote = `${stderr}${text}`.slice(0, LARGEST_REPORT);
      throw new Error(`${program} ${args.join(" ")}: ${signal ?? `code ${code}`}\n${wrote}`);
    }
    return { stdout: output.stdout, text, stderr };
  } finally {
    clearTimeout(deadline);
  }
}

/** Starts a program with nothing of the environment but the PATH: no PGHOST, no MYSQL_PWD, and in English. */
export function spawn(program: string, args: string[], options: RunOptions = {}): Deno.ChildProcess {
  const path = findProgram(program);
  if (path === undefined) throw new Error(`Cannot find ${program}: put it into the needs of the test`);
  return new Deno.Command(path, {
    args,
    clearEnv: true,
    env: { PATH: Deno.env.get("PATH") ?? "", LC_ALL: "C" },
    stdin: options.input === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
    ...options.cwd === undefined ? {} : { cwd: options.cwd },
    ...options.account,
  }).spawn();
}

async function withStack(fn: (stack: AsyncDisposableStack) => Promise<void>): Promise<void> {
  const stack = new AsyncDisposableStack();
  // Without the servers and the proxy every wait for them ends.
  let emptied: Promise<void> | undefined;
  const deadline = setTimeout(() => emptied = stack.disposeAsync(), TEST_DEADLINE_MS);
  try {
    await fn(stack);
  } catch (error) {
    throw emptied ? new Error(`Not done after ${TEST_DEADLINE_MS / 1000} s`, { cause: error }) : error;
  } finally {
    clearTimeout(deadline);
    await (emptied ?? stack.disposeAsync());
  }
}

async function feed(child: Deno.ChildProcess, input: string | undefined): Promise<void> {
  if (input === undefined) return;
  try {
    await new Blob([input]).stream().pipeTo(child.stdin);
  } catch {
    // It ended before it had read everything: its exit code and stderr say why.
  }
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Debian keeps each version of PostgreSQL apart; the newest comes first. */
function postgresDirectories(): string[] {
  const root = "/usr/lib/postgresql";
  try {
    const versions = Array.from(Deno.readDirSync(root), ({ name }) => name);
    return versions.sort((a, b) => Number(b) - Number(a)).map((version) => `${root}/${version}/bin`);
  } catch {
    return [];
  }
}
