/** The command line: a command in, an exit code out. Only this folder prints. */

import { ConfigError } from "../config/config_error.ts";
import { AdminListenError, ListenError } from "../runtime/admin/listen_error.ts";
import { TakeOverError } from "../runtime/admin/take_over_error.ts";
import type { EarlySignals } from "../runtime/control/signals.ts";
import { DescriptorError } from "../runtime/files/descriptors.ts";
import { LogFileError } from "../runtime/files/process_log.ts";
import { AdminError } from "./admin/error.ts";
import { type Command, parseCommand } from "./args.ts";
import { withPictures } from "./config_problems.ts";
import { helpText } from "./help.ts";
import { printableLines } from "./format/printable.ts";
import { complain, OutputError, print } from "./output.ts";
import { RunError } from "./run_error.ts";
import { ToxiproxyRequestError } from "./toxiproxy/client.ts";
import { UsageError } from "./usage.ts";

/** Stopped cleanly, or the file is good. */
const EXIT_OK = 0;
/** Could not run. */
const EXIT_FAILED = 1;
/** Wrong usage or configuration. */
const EXIT_USAGE = 2;

/** Errors that are not mistakes in the command line or the configuration. */
const FAILURES = [
  AdminError,
  AdminListenError,
  DescriptorError,
  ListenError,
  LogFileError,
  OutputError,
  RunError,
  TakeOverError,
  ToxiproxyRequestError,
];

/**
 * Runs the command in `args` and resolves with the exit code.
 *
 * @param early The handlers that caught signals during the start.
 */
export async function main(args: readonly string[], early: EarlySignals): Promise<number> {
  try {
    await execute(parseCommand(args), early);
    return EXIT_OK;
  } catch (error) {
    return explain(error);
  }
}

/** Each command is loaded when it is used, so that all of them start sooner. */
async function execute(command: Command, early: EarlySignals): Promise<void> {
  if (command.kind === "run") {
    const { run } = await import("./run.ts");
    return await run(command.source, command.flags, early);
  }
  if (command.kind === "toxiproxy") {
    const { serveToxiproxy } = await import("./toxiproxy/serve.ts");
    return await serveToxiproxy(command.args, early);
  }
  if (command.kind === "gateway") {
    const { serveGateway } = await import("./gateway/serve.ts");
    return await serveGateway(command.args, early);
  }
  // Only a proxy reloads; SIGHUP must end `sluice top` when its terminal is closed.
  early[Symbol.dispose]();
  switch (command.kind) {
    case "check":
      return await (await import("./check.ts")).check(command.path);
    case "ready":
      return await (await import("./check_ready.ts")).checkReady(command.url, command.timeout);
    case "demo":
      return await (await import("./demo.ts")).demo(command.duration, command.flags);
    case "help":
      return print((await helpText(command.topic)).trimEnd());
    case "version":
      return await (await import("./version.ts")).printVersion(command.args);
    case "completions":
      return await (await import("./reference/completions.ts")).printCompletions(command.args);
    case "man":
      return await (await import("./reference/man.ts")).printManPage(command.args);
    case "toxic":
      return await (await import("./toxiproxy/toxic.ts")).runToxic(
        command.args,
        (name) => Deno.env.get(name),
      );
    case "admin":
      return await (await import("./admin/run.ts")).runAdminCommand(command.name, command.args);
  }
}

function explain(error: unknown): number {
  if (error instanceof UsageError) {
    const help = error.topic === "sluice" ? "sluice --help" : `sluice ${error.topic} --help`;
    complain(`sluice: ${printableLines(error.message)}\nSee ${help}`);
    return EXIT_USAGE;
  }
  if (error instanceof ConfigError) {
    const text = Deno.stderr.isTerminal() ? withPictures(error, !Deno.noColor) : error.message;
    complain(`sluice: ${text}`);
    return EXIT_USAGE;
  }
  if (FAILURES.some((type) => error instanceof type)) {
    complain(`sluice: ${printableLines((error as Error).message)}`);
    return EXIT_FAILED;
  }
  throw error;
}
