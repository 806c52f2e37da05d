/** `deno task fuzz`: random sequences of what happens to connections, and random bytes, against the whole program. */

import { print, progressOf } from "../bench/console.ts";
import { CertificateAuthority } from "../interop/certificates.ts";
import { failureText } from "./failure.ts";
import { Model } from "./model.ts";
import { type Options, parseOptions, USAGE, UsageError } from "./options.ts";
import type { Premises } from "./stage.ts";

const progress = progressOf("fuzz");

/** Returns the exit code. */
async function main(args: string[]): Promise<number> {
  const options = parseOptions(args);
  if (options === null) {
    print(USAGE);
    return 0;
  }
  if (Deno.build.os !== "linux") throw new UsageError("the fuzzer resets sockets by libc: it needs Linux");
  const stop = new AbortController();
  const onSignal = () => {
    // Whoever asks twice does not want to wait.
    if (stop.signal.aborted) Deno.exit(130);
    progress("ending; once more to end at once");
    stop.abort();
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, onSignal);
  progress(`--seed ${options.seed}`);
  const timer = setTimeout(() => stop.abort(), options.duration);
  await using cleanUp = new AsyncDisposableStack();
  const text = await runModel(options, await premisesOf(cleanUp), stop.signal);
  clearTimeout(timer);
  print(`${text}--seed ${options.seed}\n`);
  return text.startsWith("-") ? 1 : 0;
}

async function runModel(
  { seed, only, without }: Options,
  premises: Premises,
  signal: AbortSignal,
): Promise<string> {
  const model = new Model({ seed, only, without, premises, signal, say: progress });
  await model.run();
  const failures = model.failures.map((failure) => failureText(failure, seed)).join("");
  return `${failures}${model.done} sequences, ${model.failures.length} failed\n`;
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
