/** The last line of defence: a bug in one connection must not end all the others. */

import { stackOf } from "../../observe/log/error_text.ts";
import type { Log } from "../../observe/log/log.ts";

/** Logs a bug of this program. */
export function logUnexpected(log: Log, cause: unknown): void {
  log.error("Unexpected error; please report it", {
    event: "unexpected_error",
    detail: stackOf(cause),
  });
}

/** Logs uncaught errors instead of letting them end the process, until disposed of. */
export function guardProcess(log: Log): Disposable {
  const onError = (event: Event) => {
    event.preventDefault();
    const cause: unknown = event instanceof PromiseRejectionEvent
      ? event.reason
      : (event as ErrorEvent).error;
    logUnexpected(log, cause);
  };
  addEventListener("unhandledrejection", onError);
  addEventListener("error", onError);
  return {
    [Symbol.dispose]() {
      removeEventListener("unhandledrejection", onError);
      removeEventListener("error", onError);
    },
  };
}
