/** The program as a child process: started with options on its standard input, ready when it says so. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { plain } from "./api.ts";
import { sluiceCommand } from "./program.ts";

/** The line that it prints once everything listens. */
export interface Ready {
  readonly pid: number;
  readonly services: readonly { readonly name: string; readonly listen: readonly string[] }[];
  readonly admin: string;
}

/** How long a start may take, in milliseconds. The first one after an installation compiles the program. */
const START_WITHIN = 60_000;
/** How long a stop may take before the program is killed, in milliseconds. */
const STOP_WITHIN = 10_000;

/** sluice could not be started. The message is what it said. */
export class StartError extends Error {
  override readonly name = "StartError";
}

export class SluiceProcess {
  readonly ready: Ready;
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, ready: Ready, ended: Promise<void>) {
    this.#child = child;
    this.ready = ready;
    this.ended = ended;
  }

  /** @param options As `startProxy` of the library takes them. @throws {StartError} */
  static async start(options: unknown): Promise<SluiceProcess> {
    const folder = await mkdtemp(join(tmpdir(), "sluice-"));
    const file = join(folder, "options.json");
    await writeFile(file, JSON.stringify(options, plain), { mode: 0o600 });
    try {
      return await SluiceProcess.#startWith(file, isLogged(options));
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  static async #startWith(file: string, isLogged: boolean): Promise<SluiceProcess> {
    // A test that is killed leaves no program behind: its end of the pipe closes, and the program stops.
    const { program, args } = sluiceCommand(["--options", file, "--print-ready", "--stop-at-eof"]);
    const env = { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], env });
    const { promise: ended, resolve: onEnd } = Promise.withResolvers<void>();
    let said = "";
    child.on("error", (error) => {
      said += error.message;
      onEnd();
    });
    child.on("close", () => onEnd());
    child.stdin!.on("error", () => {});
    child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if (isLogged) process.stderr.write(text);
    });
    const line = await firstLine(child, ended);
    if (line === undefined) {
      child.kill("SIGKILL");
      await ended;
      throw new StartError(said.trim() || `sluice was not ready within ${START_WITHIN} ms`);
    }
    // A test that forgets to stop it ends all the same.
    for (const handle of [child, child.stdin, child.stdout, child.stderr]) {
      (handle as { unref?(): void }).unref?.();
    }
    return new SluiceProcess(child, JSON.parse(line), ended);
  }

  /** Closes what is open and ends the program. */
  async stop(): Promise<void> {
    // The second signal ends a drain.
    this.#child.kill("SIGTERM");
    this.#child.kill("SIGTERM");
    const tooLong = setTimeout(() => this.#child.kill("SIGKILL"), STOP_WITHIN);
    await this.ended;
    clearTimeout(tooLong);
  }
}

/** The library logs only if it is asked to. */
function isLogged(options: unknown): boolean {
  return (options as { log?: unknown }).log !== undefined;
}

/** Undefined when the program ends before it, or takes too long. */
async function firstLine(child: ChildProcess, ended: Promise<void>): Promise<string | undefined> {
  const lines = createInterface({ input: child.stdout! });
  const line = new Promise<string>((resolve) => lines.once("line", resolve));
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLong = new Promise<void>((resolve) => timer = setTimeout(resolve, START_WITHIN));
  const first = await Promise.race([line, ended.then(() => undefined), tooLong.then(() => undefined)]);
  clearTimeout(timer);
  return first;
}
