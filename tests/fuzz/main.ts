/** `deno task fuzz`: random sequences of what happens to connections, and random bytes, against the whole program. */

import { print, progressOf } from "../bench/console.ts";
import { CertificateAuthority } from "../interop/certificates.ts";
import { failureText } from "./failure.ts";
import { Model } from "./model.ts";
import { type Options, parseOptions, USAGE, UsageError } from "./options.ts";
import type { Premises } from "./stage.ts";
import { Wire } from "./wire.ts";

/** In milliseconds. */
const REPORT_EVERY = 5000;

const progress = progressOf("fuzz");

/** Returns the exit code. */
async function main(args: string[]): Promise<number> {
  const options = parseOptions(args);
  if (options === null) {
    print(USAGE);
    return 0;
  }
  if (Deno.build.os !== "linux") throw new UsageError("the fuzzer resets sockets by libc: it needs Linux");
  const interrupt = new AbortController();
  const stop = AbortSignal.any([interrupt.signal, AbortSignal.timeout(options.duration)]);
  const onSignal = () => {
    // Whoever asks twice does not want to wait.
    if (interrupt.signal.aborted) Deno.exit(130);
    progress("ending; once more to end at once");
    interrupt.abort();
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, onSignal);
  progress(`--seed ${options.seed}`);
  await using cleanUp = new AsyncDisposableStack();
  const premises = await premisesOf(cleanUp);
  const results = await Promise.all([
    options.part === "wire" ? NONE : runModel(options, premises, stop, interrupt.signal),
    options.part === "model" || options.only !== undefined ? NONE : runWire(options, premises, stop),
  ]);
  const failed = results.reduce((sum, { failures }) => sum + failures.length, 0);
  for (const failure of results.flatMap(({ failures }) => failures)) print(failure);
  print(results.map(({ done }) => done).join(""));
  print(`${failed === 0 ? "Nothing is wrong" : `${failed} things are wrong`} (--seed ${options.seed}).\n`);
  return failed === 0 ? 0 : 1;
}

/** What a part of the fuzzer has found, and has done. */
interface Result {
  readonly failures: readonly string[];
  readonly done: string;
}

const NONE: Result = { failures: [], done: "" };

async function runModel(
  { seed, only, without }: Options,
  premises: Premises,
  signal: AbortSignal,
  interrupted: AbortSignal,
): Promise<Result> {
  const model = new Model({ seed, only, without, premises, signal, interrupted, say: progress });
  using _reports = reportTo(() => `${model.done} sequences of connections`);
  await model.run();
  return {
    failures: [
      ...model.failures.map((failure) => failureText(failure, seed)),
      ...model.faults.map((fault) => `- ${fault}\n`),
    ],
    done: `${model.done} sequences of connections\n`,
  };
}

async function runWire({ seed }: Options, premises: Premises, signal: AbortSignal): Promise<Result> {
  const wire = new Wire({ seed, premises, signal, say: progress });
  using _reports = reportTo(() => `${wire.fed} wrong inputs to parsers, ${wire.fired} to the program`);
  await wire.run();
  return {
    failures: wire.failures.map((failure) => `- ${failure}\n`),
    done: `${wire.fed} wrong inputs to parsers, ${wire.fired} to the program\n`,
  };
}

/** Says now and then how far it is, to somebody who sits before a terminal. */
function reportTo(text: () => string): Disposable {
  const timer = Deno.stderr.isTerminal() ? setInterval(() => progress(text()), REPORT_EVERY) : undefined;
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

async function premisesOf(cleanUp: AsyncDisposableStack): Promise<Premises> {
  const directory = await Deno.makeTempDir({ prefix: "sluice-fuzz-" });
  cleanUp.defer(() => Deno.remove(directory, { recursive: true }));
  const authority = cleanUp.use(await CertificateAuthority.create("Fuzz"));
  const certificate = await authority.issue({ name: "fuzz.test", names: ["DNS:fuzz.test"] });
  return {
    directory,
    certificate,
    authority: authority.cert,
    authorityText: await Deno.readTextFile(authority.cert),
  };
}

try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  progress(`${error.message}\n\n${USAGE}`);
  Deno.exit(2);
}
