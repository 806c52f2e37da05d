/** `deno task fuzz`: runs random sequences of connection events, and random bytes, against the whole program. */

import { print, progressOf } from "../support/program/console.ts";
import { CertificateAuthority } from "../support/certificates.ts";
import { failureText } from "./failure.ts";
import { Model } from "./model.ts";
import { runCommand, stopOnSignals, UsageError } from "../support/program/command.ts";
import { type Options, parseOptions, USAGE } from "./options.ts";
import type { Premises } from "./fixture.ts";
import { CLIENT_NAME } from "./services.ts";
import { Wire } from "./wire.ts";

/** The interval between two progress reports, in milliseconds. */
const REPORT_EVERY = 5000;

const progress = progressOf("fuzz");

/** Runs the fuzzer; returns the exit code. */
async function main(options: Options): Promise<number> {
  if (Deno.build.os !== "linux") throw new UsageError("the fuzzer resets sockets by libc: it needs Linux");
  const interrupted = stopOnSignals(progress);
  const failed = new AbortController();
  const stop = AbortSignal.any([interrupted, failed.signal, AbortSignal.timeout(options.duration)]);
  progress(`--seed ${options.seed}`);
  await using cleanUp = new AsyncDisposableStack();
  const premises = await premisesOf(cleanUp);
  const parts = [
    options.part === "wire" ? NONE : runModel(options, premises, stop, interrupted),
    options.part === "model" || options.only !== undefined ? NONE : runWire(options, premises, stop),
  ].map((part) =>
    Promise.resolve(part).catch((error) => {
      failed.abort();
      throw error;
    })
  );
  // Where one part cannot go on, the other one ends its programs first.
  await Promise.allSettled(parts);
  const results = await Promise.all(parts);
  const wrong = results.reduce((sum, { failures }) => sum + failures.length, 0);
  for (const failure of results.flatMap(({ failures }) => failures)) print(failure);
  print(results.map(({ done }) => done).join(""));
  print(`${wrong === 0 ? "Nothing is wrong" : `${wrong} things are wrong`} (--seed ${options.seed}).\n`);
  return wrong === 0 ? 0 : 1;
}

/** The failures that a part of the fuzzer has found, and a summary of its work. */
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
  const model = new Model({ seed, only, without, premises, signal, interrupted, print: progress });
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
  const wire = new Wire({ seed, premises, signal, print: progress });
  using _reports = reportTo(() => `${wire.fed} wrong inputs to parsers, ${wire.fired} to the program`);
  await wire.run();
  return {
    failures: wire.failures.map((failure) => `- ${failure}\n`),
    done: `${wire.fed} wrong inputs to parsers, ${wire.fired} to the program\n`,
  };
}

/** Prints the progress now and then on a terminal. */
function reportTo(text: () => string): Disposable {
  const timer = Deno.stderr.isTerminal() ? setInterval(() => progress(text()), REPORT_EVERY) : undefined;
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

async function premisesOf(cleanUp: AsyncDisposableStack): Promise<Premises> {
  const directory = await Deno.makeTempDir({ prefix: "sluice-fuzz-" });
  cleanUp.defer(() => Deno.remove(directory, { recursive: true }));
  const authority = cleanUp.use(await CertificateAuthority.create("Fuzz"));
  const certificate = await authority.issue({ name: "fuzz.test", names: ["DNS:fuzz.test"] });
  const client = await authority.issue({ name: CLIENT_NAME, usage: "clientAuth" });
  await authority.revoke(await authority.issue({ name: CLIENT_NAME, usage: "clientAuth" }));
  return {
    directory,
    certificate,
    client,
    revoked: await authority.writeList(),
    authority: authority.cert,
    authorityText: await Deno.readTextFile(authority.cert),
  };
}

await runCommand({ usage: USAGE, parse: parseOptions, run: main, progress });
