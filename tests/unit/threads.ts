/** Runs the same task in several threads at the same time. */

interface Assignment<Task> {
  readonly task: Task;
  /** One number: how many threads are ready. */
  readonly ready: SharedArrayBuffer;
  readonly threads: number;
  /** Where the result goes. */
  readonly port: MessagePort;
}

/** Starts the threads, has each do the task as {@linkcode answer} in the module says, and ends them. */
export async function inThreads<Task, Result>(threads: number, module: URL, task: Task): Promise<Result[]> {
  const ready = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  return await Promise.all(Array.from({ length: threads }, async () => {
    const { port1, port2 } = new MessageChannel();
    const assignment: Assignment<Task> = { task, ready, threads, port: port2 };
    using thread = startThread(module, assignment, [port2]);
    const result = Promise.withResolvers<Result>();
    port1.onmessage = ({ data }) => result.resolve(data);
    try {
      return await Promise.race([result.promise, thread.failed]);
    } finally {
      port1.close();
    }
  }));
}

interface Thread extends Disposable {
  /** Rejects with what the thread fails of. */
  readonly failed: Promise<never>;
}

/** Starts one thread, which gets the message; disposing of it terminates it, wherever it is. */
export function startThread(module: URL, message: unknown, transfer: Transferable[] = []): Thread {
  const worker = new Worker(module, { type: "module" });
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => {});
  worker.onerror = (event) => {
    event.preventDefault();
    reject(new Error(event.message));
  };
  worker.postMessage(message, transfer);
  return { failed: promise, [Symbol.dispose]: () => worker.terminate() };
}

/** In a thread: does the task once all threads are there to do it, and answers with the result. */
export function answer<Task, Result>(run: (task: Task) => Result): void {
  addEventListener("message", (event) => {
    const { task, ready, threads, port }: Assignment<Task> = (event as MessageEvent).data;
    awaitOthers(new Int32Array(ready), threads);
    port.postMessage(run(task));
  });
}

function awaitOthers(ready: Int32Array, threads: number): void {
  Atomics.add(ready, 0, 1);
  Atomics.notify(ready, 0);
  for (let there = 0; (there = Atomics.load(ready, 0)) < threads;) Atomics.wait(ready, 0, there);
}
