/** Starts a real server, waits for the line that says it is ready, and ends it by its process id. */

import { type RunOptions, spawn } from "../interop.ts";

/** How long a server may take until it serves. */
const READY_MS = 30_000;

/** How long a server may take to end after its stop signal. */
const STOP_MS = 10_000;

export interface ServerCommand {
  readonly program: string;
  readonly args: string[];
  /** The port it listens on. */
  readonly port: number;
  /** What it writes, to stdout or stderr, once it serves. */
  readonly ready: RegExp;
  /** What ends it quickly; its data is thrown away. */
  readonly stop: Deno.Signal;
}

export class RunningServer implements AsyncDisposable {
  readonly port: number;
  readonly #child: Deno.ChildProcess;
  readonly #stop: Deno.Signal;
  readonly #written: Promise<unknown>;
  readonly #ready = Promise.withResolvers<void>();
  readonly #pattern: RegExp;
  #output = "";

  private constructor({ program, args, port, ready, stop }: ServerCommand, options: RunOptions) {
    this.port = port;
    this.#stop = stop;
    this.#pattern = ready;
    this.#child = spawn(program, args, options);
    this.#written = Promise.all([this.#collect(this.#child.stdout), this.#collect(this.#child.stderr)]);
  }

  /** Throws with all that the server wrote when it ends, or is not ready in time. */
  static async start(command: ServerCommand, options: RunOptions): Promise<RunningServer> {
    const server = new RunningServer(command, options);
    const deadline = setTimeout(() => server.#ready.reject(new Error("not ready in time")), READY_MS);
    const ended = server.#written.then(() => Promise.reject(new Error("it ended")));
    try {
      await Promise.race([server.#ready.promise, ended]);
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw new Error(`Cannot start ${command.program}: ${(error as Error).message}\n${server.#output}`);
    } finally {
      clearTimeout(deadline);
    }
  }

  /** Resolves when it has ended. */
  get ended(): Promise<unknown> {
    return this.#written;
  }

  /** What it has written. */
  get output(): string {
    return this.#output;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    tryKill(this.#child, this.#stop);
    const deadline = setTimeout(() => tryKill(this.#child, "SIGKILL"), STOP_MS);
    await Promise.all([this.#child.status, this.#written]);
    clearTimeout(deadline);
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      this.#output += decoder.decode(chunk, { stream: true });
      if (this.#pattern.test(this.#output)) this.#ready.resolve();
    }
  }
}

function tryKill(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // It has ended by itself.
  }
}
