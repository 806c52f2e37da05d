/** Keeps track of every process and temporary file of the bench, to remove them all however the bench ends. */
import { waitUntil } from "./wait.ts";
import { childrenOf } from "./proc.ts";

const KEPT_OUTPUT = 4000;

/** A process that runs until it is stopped. */
export interface Started {
  readonly pid: number;
  readonly name: string;
  /** By `performance.now()`. */
  readonly launchedAt: number;
  /** Lines of standard output; empty unless asked for at the start. */
  readonly lines: readonly string[];
  /** "" while it runs, else how it ended and the end of its output. */
  obituary(): string;
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly readLines?: boolean;
}

/** A temporary directory and the processes that the bench has started. */
export class Processes implements AsyncDisposable {
  readonly dir: string;
  readonly #children = new Set<Deno.ChildProcess>();

  constructor() {
    this.dir = Deno.makeTempDirSync({ prefix: "sluice-bench-" });
  }

  /** Starts a server; its output is drained so that it can never block on it. */
  start(name: string, command: string, args: string[], options: StartOptions = {}): Started {
    const launchedAt = performance.now();
    const child = this.#spawn(command, args, options.readLines ? "piped" : "null");
    const lines: string[] = [];
    let output = "", ended = "";
    if (options.readLines) void eachLine(child.stdout, (line) => lines.push(line));
    void eachLine(child.stderr, (line) => output = `${output}${line}\n`.slice(-KEPT_OUTPUT));
    void child.status.then(({ code, signal }) => ended = `${name} ended (${signal ?? `exit code ${code}`})`);
    return {
      pid: child.pid,
      name,
      launchedAt,
      lines,
      obituary: () => ended && `${ended}\n${output}`.trim(),
      stop: () => this.#stop(child),
    };
  }

  /** Runs a tool to its end and returns its standard output; fails on a non-zero exit code or a late end. */
  async run(command: string, args: string[], deadlineMs: number): Promise<string> {
    const child = this.#spawn(command, args, "piped");
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      end(child.pid);
    }, deadlineMs);
    try {
      const { code, stdout, stderr } = await child.output();
      const out = new TextDecoder().decode(stdout);
      if (late) throw new Error(`${command} did not end within ${deadlineMs} ms`);
      if (code !== 0) throw new Error(`${command}: ${lastLines(new TextDecoder().decode(stderr) + out)}`);
      return out;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends everything at once; synchronous, so that a signal handler can do it just before the exit. */
  endNow(): void {
    for (const child of this.#children) {
      for (const pid of childrenOf(child.pid)) end(pid);
      end(child.pid);
    }
    this.#children.clear();
    try {
      Deno.removeSync(this.dir, { recursive: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#children].map((child) => this.#stop(child)));
    this.endNow();
  }

  #spawn(command: string, args: string[], stdout: "piped" | "null"): Deno.ChildProcess {
    // Colours and update notices would only disturb the parsers.
    const env = { LC_ALL: "C", NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
    const options: Deno.CommandOptions = { args, env, stdin: "null", stdout, stderr: "piped" };
    const child = new Deno.Command(command, options).spawn();
    this.#children.add(child);
    void child.status.then(() => this.#children.delete(child));
    return child;
  }

  /**
   * Sends SIGTERM first and SIGKILL after two seconds. A forking server's children end before it, so that it reaps
   * them.
   */
  async #stop(child: Deno.ChildProcess): Promise<void> {
    for (const pid of childrenOf(child.pid)) end(pid, "SIGTERM");
    await waitUntil(() => childrenOf(child.pid).length === 0, 2000);
    end(child.pid, "SIGTERM");
    const gone = await waitUntil(() => !this.#children.has(child), 2000);
    if (!gone) end(child.pid);
    await child.status;
  }
}

/** Signals one of our processes; one that is gone already is fine. */
function end(pid: number, signal: Deno.Signal = "SIGKILL"): void {
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function eachLine(stream: ReadableStream<Uint8Array>, use: (line: string) => void): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(use);
  }
  if (rest !== "") use(rest);
}

function lastLines(text: string): string {
  return text.trim().split("\n").slice(-3).join(" / ");
}
