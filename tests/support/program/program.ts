/** Starts sluice the way a user does: as a program, on port 0, and waits for its ready line. */

import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { PERMISSIONS } from "../../../.github/build/permissions.ts";
import { LineReader, PATIENCE } from "../peers/line_reader.ts";

/** The ready line of `--print-ready`. */
export interface Ready {
  readonly event: "ready";
  readonly pid: number;
  readonly services: readonly { readonly name: string; readonly listen: readonly string[] }[];
  readonly admin?: string;
  readonly toxiproxy?: string;
}

/** A line of a log in JSON. */
export type LoggedEvent = Readonly<Record<string, unknown>>;

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * The default number of threads in the programs that these tests start, from SLUICE_TEST_WORKERS. More than one only on
 * Linux.
 */
export const workers = Deno.build.os === "linux" ? Number(Deno.env.get("SLUICE_TEST_WORKERS") ?? 1) : 1;

/**
 * The command that runs sluice: the built executable of SLUICE_BIN, or `deno run` with exactly its permissions, of
 * SLUICE_MAIN (the bundled program, which starts sooner) or main.ts; without `--unstable-net` where
 * `isStable`; an executable always has it.
 */
export function sluiceCommand(
  { isStable = false, fromSource = false } = {},
): [string, ...string[]] {
  const executable = Deno.env.get("SLUICE_BIN");
  if (executable) return [executable];
  const configuration = fileURLToPath(new URL("../../../deno.json", import.meta.url));
  const importMap = Deno.env.get("SLUICE_IMPORT_MAP") || (isStable ? configuration : undefined);
  const bundle = fromSource ? undefined : Deno.env.get("SLUICE_MAIN");
  return [
    Deno.execPath(),
    "run",
    "--quiet",
    isStable ? "--no-config" : "--unstable-net", // deno.json does not apply to files in dist
    ...PERMISSIONS,
    ...(importMap ? ["--import-map", importMap] : []),
    bundle ? resolve(bundle) : fileURLToPath(new URL("../../../main.ts", import.meta.url)),
  ];
}

/** Runs sluice to its end; it is killed after half a minute. */
export async function runSluice(
  args: string[],
  options: Pick<StartOptions, "command" | "env" | "wrapper"> = {},
): Promise<Finished> {
  const [command, ...prefix] = [...options.wrapper ?? [], ...options.command ?? sluiceCommand()];
  const tooLong = new AbortController();
  const timer = setTimeout(() => tooLong.abort(), PATIENCE);
  const output = await new Deno.Command(command!, {
    args: [...prefix, ...args],
    stdin: "null",
    env: { NO_COLOR: "1", ...options.env },
    signal: tooLong.signal,
  }).output();
  clearTimeout(timer);
  const decoder = new TextDecoder();
  return { code: output.code, stdout: decoder.decode(output.stdout), stderr: decoder.decode(output.stderr) };
}

/** Fails when `promise` takes longer than `milliseconds`, instead of a test that hangs. */
export async function within<T>(milliseconds: number, what: string, promise: Promise<T>): Promise<T> {
  const tooLong = Promise.withResolvers<never>();
  const error = new Error(`${what} took longer than ${milliseconds} ms`);
  const timer = setTimeout(() => tooLong.reject(error), milliseconds);
  try {
    return await Promise.race([promise, tooLong.promise]);
  } finally {
    clearTimeout(timer);
  }
}

export interface StartOptions {
  /** The command that starts sluice, in place of {@linkcode sluiceCommand}. */
  readonly command?: readonly string[];
  /** Goes before the command, such as `["prlimit", "--nofile=64"]`. */
  readonly wrapper?: readonly string[];
  readonly env?: Record<string, string>;
  /** Threads that relay; as many as {@linkcode workers} unless given. */
  readonly workers?: number | "auto";
}

/** A running sluice. Disposing of it kills it, if it still runs. */
export class Sluice implements AsyncDisposable {
  readonly ready: Ready;
  readonly #child: Deno.ChildProcess;
  /** It leads a process group, which ends with it. */
  readonly #isGroup: boolean;
  readonly #stderr: LineReader;
  readonly #stdout: LineReader;
  #status: Deno.CommandStatus | undefined;

  private constructor(
    child: Deno.ChildProcess,
    isGroup: boolean,
    stdout: LineReader,
    stderr: LineReader,
    ready: Ready,
  ) {
    this.#child = child;
    this.#isGroup = isGroup;
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.ready = ready;
    child.status.then((status) => this.#status = status);
  }

  /** Starts sluice with these arguments and `--print-ready`. Throws with its stderr when it ends instead. */
  static async start(args: string[], options: StartOptions = {}): Promise<Sluice> {
    const threads = options.workers ?? workers;
    const own = [...args, ...threads === 1 ? [] : ["--workers", String(threads)], "--print-ready"];
    const [command, ...rest] = [...options.wrapper ?? [], ...options.command ?? sluiceCommand(), ...own];
    const child = new Deno.Command(command!, {
      args: rest,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      env: { NO_COLOR: "1", ...options.env },
    }).spawn();
    const stdout = new LineReader(child.stdout);
    const stderr = new LineReader(child.stderr);
    try {
      const line = await stdout.find(() => true);
      return new Sluice(child, options.wrapper?.[0] === "setsid", stdout, stderr, JSON.parse(line));
    } catch {
      const status = await child.status;
      await Promise.all([stdout.done, stderr.done]);
      throw new Error(`sluice ended with code ${status.code} before it was ready:\n${stderr.text}`);
    }
  }

  /** Starts one service before `upstream`, with more keys of a service as YAML flow entries: `reset: pass`. */
  static async before(upstream: string, keys: string[] = [], options: StartOptions = {}): Promise<Sluice> {
    const entries = ["name: test", "listen: 127.0.0.1:0", `upstream: "${upstream}"`, ...keys];
    return await Sluice.withConfig(`services:\n  - { ${entries.join(", ")} }\n`, [], options);
  }

  /**
   * Starts one service before a group called "group", with YAML flow entries for its endpoints, more keys of the
   * group, and more keys of the service. It logs JSON.
   */
  static async beforeGroup(
    endpoints: string[],
    group: string[] = [],
    service: string[] = [],
  ): Promise<Sluice> {
    const keys = [`endpoints: [${endpoints.join(", ")}]`, ...group];
    return await Sluice.withConfig(`
log: { format: json }
upstreams: { group: { ${keys.join(", ")} } }
services: [{ ${["name: test", "listen: 0", "upstream: group", ...service].join(", ")} }]
`);
  }

  /** Starts sluice on a configuration given as text. */
  static async withConfig(yaml: string, args: string[] = [], options: StartOptions = {}): Promise<Sluice> {
    const path = await Deno.makeTempFile({ suffix: ".yaml" });
    try {
      await Deno.writeTextFile(path, yaml);
      return await Sluice.start(["-c", path, ...args], options);
    } finally {
      await Deno.remove(path);
    }
  }

  get pid(): number {
    return this.ready.pid;
  }

  /** The address of a service: by default, the first of the first service. */
  address(service = 0, index = 0): string {
    return this.ready.services[service]!.listen[index]!;
  }

  /** The port of {@linkcode address}. */
  port(service = 0, index = 0): number {
    return Number(/:(\d+)$/.exec(this.address(service, index))![1]);
  }

  /** All of stderr so far. */
  get stderr(): string {
    return this.#stderr.text;
  }

  /** The first line of stderr, past or future, that contains `text`. */
  logged(text: string): Promise<string> {
    return this.#stderr.find((line) => line.includes(text));
  }

  /** The lines of an event so far; needs a log in JSON. */
  events(event: string): LoggedEvent[] {
    const lines = this.stderr.split("\n").slice(0, -1).filter((line) => line.startsWith("{"));
    return lines.map((line) => JSON.parse(line)).filter((fields) => fields.event === event);
  }

  /** Waits until there are this many lines of an event; returns them. */
  async loggedEvents(event: string, count: number): Promise<LoggedEvent[]> {
    let seen = 0;
    await this.#stderr.find((line) => line.includes(`"event":"${event}"`) && ++seen === count);
    return this.events(event);
  }

  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Signals all of its process group, as a service manager does; needs `wrapper: ["setsid"]`. */
  killGroup(signal: Deno.Signal): void {
    Deno.kill(-this.#child.pid, signal);
  }

  /** Resolves when the program has ended. */
  async ended(): Promise<Finished> {
    const status = await this.#child.status;
    await Promise.all([this.#stdout.done, this.#stderr.done]);
    return { code: status.code, stdout: this.#stdout.text, stderr: this.#stderr.text };
  }

  /** Stops it like Ctrl-C, and resolves when it has ended. On Windows, which has no such signal, kills it. */
  async stop(): Promise<Finished> {
    this.kill(Deno.build.os === "windows" ? "SIGKILL" : "SIGINT");
    return await this.ended();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isGroup) {
      try {
        this.killGroup("SIGKILL");
      } catch {
        // The whole process group has ended.
      }
    } else if (this.#status === undefined) this.#child.kill("SIGKILL");
    await this.ended();
  }
}
