/** Tests with real servers: skips those without a program, limits their time, and runs programs. */

import { delimiter, isAbsolute, join } from "node:path";
import type { Account } from "./servers/server_home.ts";

/** A test that takes longer than this is stuck, unless it says otherwise: its programs are ended, and it fails. */
const TEST_DEADLINE_MS = 120_000;

/** The same limit for a program that should run to its end. */
const RUN_DEADLINE_MS = 60_000;

/** The part of a failed program's output to show, in characters; it may be long. */
const LARGEST_REPORT = 4000;

/** Where Debian puts programs that are not in the PATH of every user. */
const MORE_DIRECTORIES = ["/usr/local/sbin", "/usr/sbin", ...postgresDirectories()];

export interface Needs {
  /** The programs that the test needs, by name or absolute path. */
  readonly needs: readonly string[];
  /** The command that installs them. */
  readonly install: string;
}

/**
 * A test that is skipped if a program that it needs is not installed; then its name has the command that installs it.
 * Everything on `stack` is disposed of when the test ends in any way, and also when it does not end.
 */
export function interopTest(
  name: string,
  { needs, install }: Needs,
  fn: (stack: AsyncDisposableStack) => Promise<void>,
  { deadline = TEST_DEADLINE_MS }: { readonly deadline?: number } = {},
): void {
  const ignore = needs.some((program) => findProgram(program) === undefined);
  Deno.test({
    name: ignore ? `${name} (skipped: ${install})` : name,
    ignore,
    fn: () => withStack(fn, deadline),
  });
}

/** The path of a program; undefined when it is not installed. */
export function findProgram(name: string): string | undefined {
  if (isAbsolute(name)) return isFile(name) ? name : undefined;
  const directories = (Deno.env.get("PATH") ?? "").split(delimiter).concat(MORE_DIRECTORIES);
  return directories.map((directory) => join(directory, name)).find(isFile);
}

export interface RunOptions {
  /** The standard input of the program; empty by default. */
  readonly input?: string;
  /** The user that runs it; the tests' own unless given. */
  readonly account?: Account;
  readonly cwd?: string;
  /** Variables besides PATH and LC_ALL. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Output {
  readonly stdout: Uint8Array<ArrayBuffer>;
  readonly text: string;
  readonly stderr: string;
}

/** Runs a program to its end; returns its output. Throws an error with the output when the exit code is not 0. */
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

/** Starts a program with only the PATH of the environment: without PGHOST and MYSQL_PWD, and in English. */
export function spawn(program: string, args: string[], options: RunOptions = {}): Deno.ChildProcess {
  const path = findProgram(program);
  if (path === undefined) throw new Error(`Cannot find ${program}: put it into the needs of the test`);
  return new Deno.Command(path, {
    args,
    clearEnv: true,
    env: { PATH: Deno.env.get("PATH") ?? "", LC_ALL: "C", ...options.env },
    stdin: options.input === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
    ...options.cwd === undefined ? {} : { cwd: options.cwd },
    ...options.account,
  }).spawn();
}

async function withStack(
  fn: (stack: AsyncDisposableStack) => Promise<void>,
  within: number,
): Promise<void> {
  const stack = new AsyncDisposableStack();
  // After the servers and the proxy are ended, every wait for them ends.
  let emptied: Promise<void> | undefined;
  const deadline = setTimeout(() => emptied = stack.disposeAsync(), within);
  try {
    await fn(stack);
  } catch (error) {
    throw emptied ? new Error(`Not done after ${within / 1000} s`, { cause: error }) : error;
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
    // It ended before it had read everything: its exit code and stderr give the reason.
  }
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Debian has a folder for each version of PostgreSQL; the newest comes first. */
function postgresDirectories(): string[] {
  const root = "/usr/lib/postgresql";
  try {
    const versions = Array.from(Deno.readDirSync(root), ({ name }) => name);
    return versions.sort((a, b) => Number(b) - Number(a)).map((version) => `${root}/${version}/bin`);
  } catch {
    return [];
  }
}
