/** The entry of a worker: one relay thread, which the supervisor calls by messages. */

import { memoryTricks } from "../../net/workarounds/memory.ts";
import { guardProcess } from "../control/guard.ts";
import { RelayThread } from "./relay_thread.ts";
import { Rpc, type RpcMessage } from "./rpc.ts";
import {
  POSTED_TO_SUPERVISOR,
  type ThreadCalls,
  type ThreadStart,
  type WorkerSupervisorCalls,
} from "./thread_calls.ts";
import { WorkerReporter } from "./worker_reporter.ts";

/** The part of the worker's global scope that is used; its types are of another library than the rest. */
interface WorkerScope {
  postMessage(message: RpcMessage): void;
  onmessage:
    | ((event: MessageEvent<ThreadStart>) => void)
    | ((event: MessageEvent<RpcMessage>) => void)
    | null;
}

const scope = self as unknown as WorkerScope;

scope.onmessage = ({ data: start }: MessageEvent<ThreadStart>) => {
  const rpc = new Rpc<ThreadCalls, WorkerSupervisorCalls>(
    POSTED_TO_SUPERVISOR,
    (message) => scope.postMessage(message),
  );
  const reporter = new WorkerReporter(rpc.remote);
  guardProcess(reporter.log);
  memoryTricks.areOn = start.memoryTricks;
  const thread = new RelayThread(start, reporter);
  scope.onmessage = ({ data }: MessageEvent<RpcMessage>) => void rpc.receive(data, thread);
};
