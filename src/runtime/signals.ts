/** The signals that stop the program. */

/** Windows knows no SIGTERM; Ctrl-Break stands in for it there. */
const STOP_SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM"];

/** Calls `onStop` for every signal that asks the program to end, until the result is disposed of. */
export function onStopSignals(onStop: (signal: Deno.Signal) => void): Disposable {
  const handlers = STOP_SIGNALS.map((signal) => ({ signal, handler: () => onStop(signal) }));
  for (const { signal, handler } of handlers) Deno.addSignalListener(signal, handler);
  return {
    [Symbol.dispose]() {
      for (const { signal, handler } of handlers) Deno.removeSignalListener(signal, handler);
    },
  };
}
