/** A relay thread in a worker, as the supervisor calls it. */

import { Rpc, type RpcMessage } from "./rpc.ts";
import {
  POSTED_TO_THREAD,
  type ThreadCalls,
  type ThreadStart,
  type WorkerSupervisorCalls,
} from "./thread_calls.ts";

/** The worker has ended and answers no more calls. */
export class ThreadEndedError extends Error {
  override readonly name = "ThreadEndedError";
}

export class WorkerThread {
  readonly #worker: Worker;
  readonly #rpc: Rpc<WorkerSupervisorCalls, ThreadCalls>;
  readonly #onDeath: (reason: string) => void;
  #hasEnded = false;

  /** @param onDeath Called once with the reason, and not after {@linkcode terminate}. */
  constructor(start: ThreadStart, supervisor: WorkerSupervisorCalls, onDeath: (reason: string) => void) {
    this.#onDeath = onDeath;
    const worker = this.#worker = new Worker(import.meta.resolve("./worker.ts"), {
      type: "module",
      name: `sluice-${start.epoch.thread}`,
    });
    this.#rpc = new Rpc(POSTED_TO_THREAD, (message) => worker.postMessage(message));
    worker.onmessage = ({ data }: MessageEvent<RpcMessage>) => void this.#rpc.receive(data, supervisor);
    worker.onerror = (event) => {
      // An error that is not prevented here ends the whole program.
      event.preventDefault();
      this.die(event.message);
    };
    worker.onmessageerror = () => this.die("a message could not be read");
    worker.postMessage(start);
  }

  /** Its calls reject with a {@linkcode ThreadEndedError} once it has ended. */
  get calls(): ThreadCalls {
    return this.#rpc.remote;
  }

  /** Terminates a worker that has died or counts as dead. */
  die(reason: string): void {
    if (this.#hasEnded) return;
    this.terminate();
    this.#onDeath(reason);
  }

  terminate(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#worker.terminate();
    this.#rpc.end(new ThreadEndedError("The thread has ended"));
  }
}
