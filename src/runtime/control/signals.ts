/** The signals that the program handles. */

/** Windows has no SIGTERM; Ctrl-Break replaces it. */
const STOP_SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM"];

/** Windows has none of these. SIGUSR1 is not among them: it starts Deno's debugger. */
const RELOAD_SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows" ? [] : ["SIGHUP"];
const REOPEN_SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows" ? [] : ["SIGUSR2"];

/** Calls `onStop` for every signal that asks the program to end, until the result is disposed of. */
export function onStopSignals(onStop: (signal: Deno.Signal) => void): Disposable {
  return on(STOP_SIGNALS, onStop);
}

/** Calls `onReload` for every SIGHUP, which would end the program otherwise, until the result is disposed of. */
export function onReloadSignal(onReload: () => void): Disposable {
  return on(RELOAD_SIGNALS, onReload);
}

/** Calls `onReopen` for every SIGUSR2, which log rotation sends, until the result is disposed of. */
export function onReopenSignal(onReopen: () => void): Disposable {
  return on(REOPEN_SIGNALS, onReopen);
}

/** Collects SIGHUP and SIGUSR2 until disposed of: either would kill the program during its start. */
export class EarlySignals extends Set<Deno.Signal> implements Disposable {
  readonly #listening = on([...RELOAD_SIGNALS, ...REOPEN_SIGNALS], (signal) => this.add(signal));

  [Symbol.dispose](): void {
    this.#listening[Symbol.dispose]();
  }
}

/** Equal signals within this many milliseconds count as one if a parent process forwards signals. */
const ONE_SIGNAL = 1000;
/** Holds the id of that process; `deno task start` sets it. */
const FORWARDER = "SLUICE_SIGNALS_FROM";

/**
 * Calls `onStop` for every signal that asks the program to stop. A service manager or a terminal signals the whole
 * process group, and the parent process then forwards the same signal: the copy does not count as a second one.
 */
export function onStopRequests(onStop: (signal: Deno.Signal) => void): Disposable {
  if (Deno.env.get(FORWARDER) !== String(Deno.ppid)) return onStopSignals(onStop);
  let last = -Infinity;
  return onStopSignals((signal) => {
    const now = performance.now();
    if (now - last < ONE_SIGNAL) return;
    last = now;
    onStop(signal);
  });
}

function on(signals: readonly Deno.Signal[], listener: (signal: Deno.Signal) => void): Disposable {
  const handlers = signals.map((signal) => ({ signal, handler: () => listener(signal) }));
  for (const { signal, handler } of handlers) Deno.addSignalListener(signal, handler);
  return {
    [Symbol.dispose]() {
      for (const { signal, handler } of handlers) Deno.removeSignalListener(signal, handler);
    },
  };
}
