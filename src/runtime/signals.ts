/** The signals that the program listens to. */

/** Windows knows no SIGTERM; Ctrl-Break stands in for it there. */
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

/** Calls `onReopen` for every SIGUSR2, by which log files are rotated, until the result is disposed of. */
export function onReopenSignal(onReopen: () => void): Disposable {
  return on(REOPEN_SIGNALS, onReopen);
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
