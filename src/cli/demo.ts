/** `sluice demo`: shows the proxy with traffic of its own. */

import type { ServiceFigures } from "../observe/metrics/service_figures.ts";
import { type Demo, startDemo } from "../runtime/demo.ts";
import { guardProcess } from "../runtime/control/guard.ts";
import { stderrLog } from "../runtime/files/process_log.ts";
import { onStopSignals } from "../runtime/control/signals.ts";
import type { RunFlags } from "./args.ts";
import { formatBytes } from "./format/figures.ts";
import { print, write } from "./output.ts";

/** The time between two updates, in milliseconds: short on a terminal, a second in a file. */
const REDRAW_EVERY = 250;
const PRINT_EVERY = 1000;

/**
 * Runs the demo until Ctrl-C, or for `duration` milliseconds.
 *
 * @throws {OutputError} when standard output takes no more text
 */
export async function demo(duration: number | undefined, flags: RunFlags): Promise<void> {
  const log = stderrLog({ level: flags.logLevel ?? "warn", format: flags.logFormat ?? "text" });
  using _guard = guardProcess(log);
  const ended = Promise.withResolvers<void>();
  using _signals = onStopSignals(() => ended.resolve());
  await using demo = await startDemo(log);
  print(introduction(demo, duration));
  using counts = showCounts(demo, ended);
  const timer = duration === undefined ? undefined : setTimeout(ended.resolve, duration);
  try {
    await ended.promise;
    counts.finish();
  } finally {
    clearTimeout(timer);
    await log.flush();
  }
}

function introduction(demo: Demo, duration: number | undefined): string {
  const parts = demo.services.map(({ name, listen, upstream, does }) =>
    `  ${name.padEnd(6)} ${listen}  ->  ${upstream.padEnd(16)}  ${does}`
  );
  const tries = demo.services.map(({ listen }) => `  nc ${listen.replace(/:(\d+)$/, " $1")}`);
  const end = duration === undefined ? "Ctrl-C ends it." : `It ends after ${duration / 1000} s.`;
  return [
    "Two small servers, a proxy before each, and a client that talks through both:",
    "",
    ...parts,
    "",
    "Try it from another terminal, and watch:",
    ...tries,
    `  sluice top --admin ${demo.proxy.admin}`,
    `  http://${demo.proxy.admin}/  in a browser`,
    "",
    "Your own services, the same way:  sluice 5000=db.internal:5432",
    end,
    "",
  ].join("\n");
}

/**
 * Shows the figures: in place on a terminal, else one line per service and second.
 *
 * @param ended Resolved when nothing reads them any more, as with `| head`; rejected when they cannot be written.
 */
function showCounts(
  demo: Demo,
  ended: Pick<PromiseWithResolvers<void>, "resolve" | "reject">,
): Disposable & { finish(): void } {
  const inPlace = Deno.stdout.isTerminal();
  let drawn = 0;
  const draw = (): boolean => {
    const lines = inPlace ? table(demo.proxy.figures()) : demo.proxy.figures().map(sentence);
    const up = inPlace && drawn > 0 ? `\x1b[${drawn}A` : "";
    drawn = lines.length;
    return write(up + lines.map((line) => inPlace ? `\x1b[2K${line}\n` : `${line}\n`).join(""));
  };
  const update = () => {
    try {
      if (!draw()) ended.resolve();
    } catch (error) {
      ended.reject(error);
    }
  };
  update();
  const timer = setInterval(update, inPlace ? REDRAW_EVERY : PRINT_EVERY);
  return {
    finish() {
      clearInterval(timer);
      draw();
    },
    [Symbol.dispose]() {
      clearInterval(timer);
    },
  };
}

function table(services: ServiceFigures[]): string[] {
  const rows = services.map(({ name, accepted, active, bytesFromClient, bytesFromUpstream }) => {
    return [name, accepted, active, formatBytes(bytesFromClient), formatBytes(bytesFromUpstream)];
  });
  return [["service", "accepted", "open", "from client", "from upstream"], ...rows].map(([name, ...cells]) =>
    `  ${String(name).padEnd(8)}${cells.map((cell) => String(cell).padStart(15)).join("")}`
  );
}

function sentence({ name, accepted, active, bytesFromClient, bytesFromUpstream }: ServiceFigures): string {
  const bytes = `${formatBytes(bytesFromClient)} from client, ${
    formatBytes(bytesFromUpstream)
  } from upstream`;
  return `${name}: ${accepted} accepted, ${active} open, ${bytes}`;
}
