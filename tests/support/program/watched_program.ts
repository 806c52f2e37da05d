/** A sluice program, started as a user does, whose log is watched for alarms. */

import { type Ready, sluiceCommand } from "./program.ts";

/** Events of its log that nothing here is a reason for. */
const ALARMS: ReadonlySet<string> = new Set([
  "accept_failed",
  "access_log_failed",
  "access_log_incomplete",
  "access_log_not_reopened",
  "admin_accept_failed",
  "admin_error",
  "endpoint_refused",
  "event_reader_failed",
  "filter_failed",
  "lines_dropped",
  "thread_died",
  "unexpected_error",
]);

/** Lines that are kept to be shown should it die. */
const LAST_LINES = 20;

export class WatchedProgram {
  readonly ready: Ready;
  readonly #child: Deno.ChildProcess;
  readonly #counts: Map<string, number>;
  readonly #last: string[];
  /** Resolves when it has ended. */
  readonly ended: Promise<Deno.CommandStatus>;

  private constructor(child: Deno.ChildProcess, ready: Ready, log: Listening) {
    this.#child = child;
    this.ready = ready;
    this.#counts = log.counts;
    this.#last = log.last;
    this.ended = Promise.all([child.status, log.ended]).then(([status]) => status);
  }

  /**
   * Resolves when it is ready.
   *
   * @param onAlarm Called with lines of its log that should not be there.
   * @param preload A module to load before it, unless it is an executable.
   */
  static async start(
    config: string,
    onAlarm: (line: string) => void,
    preload?: string,
  ): Promise<WatchedProgram> {
    const [command, ...args] = sluiceCommand();
    if (preload !== undefined && args[0] === "run") args.splice(1, 0, "--preload", preload);
    const child = new Deno.Command(command, {
      args: [...args, "-c", config, "--print-ready"],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      env: { NO_COLOR: "1" },
      // Ctrl-C goes to all of the terminal's processes, and is not meant for what is under test.
      detached: true,
    }).spawn();
    // Nor may it outlive a caller that does not wait for its end.
    const onUnload = () => child.kill("SIGKILL");
    addEventListener("unload", onUnload);
    void child.status.then(() => removeEventListener("unload", onUnload));
    const log = new Listening(child.stderr, onAlarm);
    const lines = linesOf(child.stdout);
    const { value: line } = await lines.next();
    if (line !== undefined) {
      // No more lines are read, but closing the pipe would end programs that write to it.
      void (async () => {
        for await (const _line of lines);
      })();
      return new WatchedProgram(child, JSON.parse(line), log);
    }
    await log.ended;
    throw new Error(`sluice ended before it was ready:\n${log.last.join("\n")}`);
  }

  get pid(): number {
    return this.ready.pid;
  }

  /** The last lines of its log. */
  get lastLines(): readonly string[] {
    return this.#last;
  }

  /** How often an event was logged. */
  count(event: string): number {
    return this.#counts.get(event) ?? 0;
  }

  /** Nothing happens when it has ended. */
  kill(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch {
      // Its end is noticed elsewhere.
    }
  }
}

/** Counts the events of a log in JSON. */
class Listening {
  readonly counts = new Map<string, number>();
  readonly last: string[] = [];
  readonly ended: Promise<void>;

  constructor(stderr: ReadableStream<Uint8Array>, onAlarm: (line: string) => void) {
    this.ended = this.#listen(stderr, onAlarm);
  }

  async #listen(stderr: ReadableStream<Uint8Array>, onAlarm: (line: string) => void): Promise<void> {
    for await (const line of linesOf(stderr)) {
      this.last.push(line);
      if (this.last.length > LAST_LINES) this.last.shift();
      const event = eventOf(line);
      this.counts.set(event, (this.counts.get(event) ?? 0) + 1);
      // What is no JSON is what Deno itself has to say.
      if (event === "" || ALARMS.has(event)) onAlarm(line);
    }
  }
}

function eventOf(line: string): string {
  try {
    return String(JSON.parse(line).event);
  } catch {
    return "";
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (
    const text of stream.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
  ) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== "") yield rest;
}
