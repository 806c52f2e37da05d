/** The entry of a worker: one relay thread, which does what the supervisor's messages say. */

import { memoryTricks } from "../../net/workarounds/memory_tricks.ts";
import { guardProcess } from "../control/guard.ts";
import { RelayThread } from "./relay_thread.ts";
import type {
  CallMessage,
  FromThread,
  SupervisorCalls,
  ThreadCalls,
  ThreadStart,
  ToThread,
} from "./thread_calls.ts";
import { WorkerReporter } from "./worker_reporter.ts";

/** The part of the worker's global scope that is used; its types are of another library than the rest. */
interface WorkerScope {
  postMessage(message: FromThread): void;
  onmessage: ((event: MessageEvent<ToThread>) => void) | null;
}

const scope = self as unknown as WorkerScope;
let thread: RelayThread | undefined;

scope.onmessage = ({ data }) => {
  if (data.type === "start") thread = begin(data.start);
  else void answer(thread!, data);
};

function begin(start: ThreadStart): RelayThread {
  const tell = (call: CallMessage<SupervisorCalls>) => scope.postMessage(call);
  const supervisor: SupervisorCalls = {
    connectionFailed: (...args) => tell({ type: "call", name: "connectionFailed", args }),
    evictIdle: (...args) => tell({ type: "call", name: "evictIdle", args }),
    freed: (...args) => tell({ type: "call", name: "freed", args }),
    descriptorsShort: () => tell({ type: "call", name: "descriptorsShort", args: [] }),
  };
  const voice = new WorkerReporter(supervisor, (reports) => scope.postMessage({ type: "reports", reports }));
  guardProcess(voice.log);
  memoryTricks.areOn = start.memoryTricks;
  return new RelayThread(start, voice);
}

async function answer(relay: RelayThread, { name, args, request }: CallMessage<ThreadCalls>): Promise<void> {
  try {
    // The union of all calls has no one signature; each message was made by one that fits.
    const call = relay[name] as (...args: readonly unknown[]) => unknown;
    const value = await call.apply(relay, args);
    if (request !== undefined) scope.postMessage({ type: "answer", request, value });
  } catch (error) {
    if (request === undefined) throw error;
    scope.postMessage({
      type: "failed",
      request,
      message: error instanceof Error ? error.message : String(error),
    });
  }
}
