/**
 * Requests that are sent when they are due, however late the answers to those before are (an open loop), and timed
 * from when they were due. A closed loop sends nothing while it waits, and so leaves out the requests that a stall
 * would have hit (coordinated omission).
 *
 * Connections take turns, so that a request shares its connection with another only when that one's answer is late.
 * Also a script: its arguments are the port, the rate a second, and how many requests to count.
 */
import type { ClockOrder } from "./open_loop_clock.ts";
import { percentile } from "../report/statistics.ts";
import { within } from "../wait.ts";

const REQUEST = new TextEncoder().encode("*3\r\n$3\r\nSET\r\n$5\r\nbench\r\n$3\r\nxxx\r\n");
const ANSWER = new TextEncoder().encode("+OK\r\n");

/** How long this waits for answers at the end. */
const DEADLINE_MS = 10_000;

/**
 * How late a thread's timed wait ends, as measured. If it ends earlier, the sender turns the event loop until the
 * request is due.
 */
const LEAD_MS = 0.1;

/** The requests of an open loop. */
export interface Plan {
  readonly port: number;
  readonly connections: number;
  readonly perSecond: number;
  readonly count: number;
}

/** Times in ms, one a request, in the order in which they were due. */
export interface Timings {
  /** From when it was due to its answer. */
  readonly latencies: Float64Array;
  /** From when it was due to when it was sent: the client's own share. */
  readonly delays: Float64Array;
}

/**
 * Sends all requests and waits for all answers.
 *
 * @throws When a connection fails or ends, an answer is not "+OK", or the last one is more than ten seconds late.
 */
export async function openLoop(plan: Plan): Promise<Timings> {
  const { port, connections, count } = plan;
  const conns = await Promise.all(
    Array.from({ length: connections }, () => Deno.connect({ hostname: "127.0.0.1", port })),
  );
  conns.forEach((conn) => conn.setNoDelay(true));
  const clock = new Worker(new URL("./open_loop_clock.ts", import.meta.url), { type: "module" });
  const stepMs = 1000 / plan.perSecond;
  const due = new Int32Array(new SharedArrayBuffer(4)), stop = new Int32Array(new SharedArrayBuffer(4));
  try {
    // Time to start the thread; requests that it delays belong to the lead-in.
    const start = performance.now() + 50;
    const latencies = new Float64Array(count);
    const answers = conns.map((conn, first) =>
      readAnswers(conn, first, connections, count, (request) => {
        latencies[request] = performance.now() - start - request * stepMs;
      })
    );
    // One failure fails all; the others end with their connections.
    const allAnswers = Promise.all(answers);
    const order: ClockOrder = { due, stop, start: performance.timeOrigin + start - LEAD_MS, stepMs };
    clock.postMessage(order);
    const sending = send(conns, order, start, count);
    const deadline = 50 + count * stepMs + DEADLINE_MS;
    const [delays] = await within(deadline, Promise.all([sending, allAnswers]), "answer to every request");
    return { latencies, delays };
  } finally {
    // terminate() alone does not end a thread in a timed wait; and after a failure, sending still waits for the thread.
    Atomics.store(stop, 0, 1);
    Atomics.notify(due, 0);
    clock.terminate();
    conns.forEach((conn) => conn.close());
  }
}

/** Reads the answers to every `stride`th request from `first` on, and reports each as it comes. */
async function readAnswers(
  conn: Deno.TcpConn,
  first: number,
  stride: number,
  count: number,
  answered: (request: number) => void,
): Promise<void> {
  const buffer = new Uint8Array(4096);
  let request = first, matched = 0;
  while (request < count) {
    const bytes = await conn.read(buffer);
    if (bytes === null) throw new Error("the connection ended before its last answer");
    for (let at = 0; at < bytes; at++) {
      if (buffer[at] !== ANSWER[matched]) throw new Error("an answer is not +OK");
      if (++matched < ANSWER.length) continue;
      matched = 0;
      answered(request);
      request += stride;
    }
  }
}

/** Sends each request when it is due and returns by how much each was late. */
async function send(
  conns: readonly Deno.TcpConn[],
  { due, stop, stepMs }: ClockOrder,
  start: number,
  count: number,
): Promise<Float64Array> {
  const delays = new Float64Array(count);
  const writes: Promise<number>[] = [];
  let sent = 0;
  while (sent < count && Atomics.load(stop, 0) === 0) {
    const soon = Math.min(Atomics.load(due, 0), count);
    while (sent < soon) {
      const delay = performance.now() - start - sent * stepMs;
      if (delay < 0) {
        await nextTurn();
        continue;
      }
      delays[sent] = delay;
      const written = conns[sent % conns.length]!.write(REQUEST);
      written.catch(() => {}); // what failed is thrown below
      writes.push(written);
      sent++;
    }
    if (sent === count) break;
    const { async, value } = Atomics.waitAsync(due, 0, soon);
    if (async) await value;
  }
  await Promise.all(writes);
  return delays;
}

/** Lets the event loop look for answers. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** What the script prints, in ms. */
export interface Figures {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly delayP99: number;
}

/** Summarizes the timings, without the first `leadIn` requests. */
export function figuresOf({ latencies, delays }: Timings, leadIn: number): Figures {
  const counted = latencies.subarray(leadIn);
  return {
    p50: percentile(counted, 50),
    p99: percentile(counted, 99),
    p999: percentile(counted, 99.9),
    delayP99: percentile(delays.subarray(leadIn), 99),
  };
}

if (import.meta.main) {
  const [port = 0, perSecond = 0, count = 0] = Deno.args.map(Number);
  // Half a second, in which the client's own code is compiled.
  const leadIn = Math.round(perSecond / 2);
  try {
    const timings = await openLoop({ port, connections: 50, perSecond, count: leadIn + count });
    console.log(JSON.stringify(figuresOf(timings, leadIn)));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
