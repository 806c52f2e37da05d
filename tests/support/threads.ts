/** Runs the same task in several threads at the same time. */

interface Assignment<Task> {
  readonly task: Task;
  /** One number: how many threads are ready. */
  readonly ready: SharedArrayBuffer;
  readonly threads: number;
  /** The memory for the result. */
  readonly port: MessagePort;
}

/** Starts the threads, which do the task that the module passes to {@linkcode answer}, and ends them. */
export async function inThreads<Task, Result>(threads: number, module: URL, task: Task): Promise<Result[]> {
  const ready = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  return await Promise.all(
    Array.from({ length: threads }, () => inThread<Task, Result>(module, task, ready, threads)),
  );
}

async function inThread<Task, Result>(
  module: URL,
  task: Task,
  ready: SharedArrayBuffer,
  threads: number,
): Promise<Result> {
  const worker = new Worker(module, { type: "module" });
  const { port1, port2 } = new MessageChannel();
  const { promise, resolve, reject } = Promise.withResolvers<Result>();
  port1.onmessage = ({ data }) => resolve(data);
  worker.onerror = (event) => {
    event.preventDefault();
    reject(new Error(event.message));
  };
  const assignment: Assignment<Task> = { task, ready, threads, port: port2 };
  worker.postMessage(assignment, [port2]);
  try {
    return await promise;
  } finally {
    port1.close();
    worker.terminate();
  }
}

/** In a thread: does the task once all threads are ready, and answers with the result. A task must end. */
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
