/** The start and the end of the long runs of `deno task`: bench, soak, fuzz and mutate. */

import { print } from "./console.ts";

/** A command line that is invalid, or needs something that this machine lacks. */
export class UsageError extends Error {}

export interface Command<Options> {
  readonly usage: string;
  /** Parses the arguments; null means that help was asked for. @throws {UsageError} */
  readonly parse: (args: string[]) => Options | null;
  /** Resolves with the exit code. @throws {UsageError} */
  readonly run: (options: Options) => Promise<number>;
  readonly progress: (line: string) => void;
}

/** Runs the command and ends the program, with code 2 for an invalid command line. */
export async function runCommand<Options>({ usage, parse, run, progress }: Command<Options>): Promise<never> {
  try {
    const options = parse(Deno.args);
    if (options !== null) Deno.exit(await run(options));
    print(usage);
    Deno.exit(0);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    progress(`${error.message}\n\n${usage}`);
    Deno.exit(2);
  }
}

/** Aborts at Ctrl-C or SIGTERM; the second one ends the program at once. */
export function stopOnSignals(progress: (line: string) => void): AbortSignal {
  const stop = new AbortController();
  const onSignal = () => {
    if (stop.signal.aborted) Deno.exit(130);
    progress("ending; once more to end at once");
    stop.abort();
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, onSignal);
  return stop.signal;
}

/** The largest `--seed`. */
export const LARGEST_SEED = 2 ** 32 - 1;

/** A random seed, for runs without `--seed`. */
export function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}
