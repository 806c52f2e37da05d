/** Measures memory per idle connection: before the first byte, and after one byte in each direction. */
import type { Trial } from "./load.ts";
import { PLAIN_TARGETS } from "../report/names.ts";
import { memoryKb } from "../proc.ts";
import type { Sample } from "../report/samples.ts";
import type { Running } from "../targets/running.ts";
import { settled, waitUntil, within } from "../wait.ts";

const WARM_UP = 32;
const AT_ONCE = 50;
const DEADLINE_MS = 20_000;

/** An echo server inside the bench, which knows how many connections it holds. */
class Echo implements Disposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  #closed = false;
  open = 0;

  constructor() {
    void this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  async #accept(): Promise<void> {
    while (!this.#closed) {
      try {
        void this.#serve(await this.#listener.accept());
      } catch {
        // The listener was closed; or a client closed before it was accepted (NotConnected), which does not end the
        // loop.
      }
    }
  }

  async #serve(conn: Deno.TcpConn): Promise<void> {
    this.open++;
    try {
      const buffer = new Uint8Array(16);
      for (let n = await conn.read(buffer); n !== null; n = await conn.read(buffer)) {
        await conn.write(buffer.subarray(0, n));
      }
    } catch {
      // A target may reset its upstream; that does not matter here.
    } finally {
      this.open--;
      conn.close();
    }
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#listener.close();
  }
}

/** Connections from the bench through a proxy to the echo server. */
class Crowd implements Disposable {
  readonly #conns: Deno.TcpConn[] = [];

  /** Opens this many, a few at a time so that no accept queue overflows. */
  async open(port: number, count: number): Promise<void> {
    for (let left = count; left > 0; left -= AT_ONCE) {
      const batch = Array.from(
        { length: Math.min(left, AT_ONCE) },
        () => Deno.connect({ hostname: "127.0.0.1", port }),
      );
      this.#conns.push(...await Promise.all(batch));
    }
  }

  /** Sends one byte and receives one on each. */
  async exchange(): Promise<void> {
    await Promise.all(this.#conns.map(async (conn) => {
      await conn.write(new Uint8Array([42]));
      if (await conn.read(new Uint8Array(1)) !== 1) {
        throw new Error("a connection was closed instead of echoing");
      }
    }));
  }

  [Symbol.dispose](): void {
    this.#conns.splice(0).forEach((conn) => conn.close());
  }
}

/** Measures a new process. */
export const idle: Trial = {
  name: "idle",
  needs: [],
  targets: PLAIN_TARGETS.filter((target) => target !== "direct"),
  async measure(processes, start, { idleConnections }) {
    using echo = new Echo();
    const running = await start(processes, echo.port, null);
    try {
      return await measureIdle(running, echo, idleConnections);
    } finally {
      await running.stop();
    }
  },
};

async function measureIdle(running: Running, echo: Echo, count: number): Promise<Sample> {
  const { pid, port } = running;
  if (pid === null) return {};
  // Reading the memory of a forking server takes a while, and its figures are large: the tolerance is per connection.
  const memory = () =>
    settled(() => Promise.resolve(memoryKb(pid, running.forks)), count / 10, 250, DEADLINE_MS);
  await warmUp(port, echo);
  const before = await memory();
  using crowd = new Crowd();
  await crowd.open(port, count);
  await expect(echo, count);
  const silent = await memory();
  await within(DEADLINE_MS, crowd.exchange(), "echo");
  const used = await memory();
  return { idle_kb: (silent - before) / count, used_kb: (used - before) / count };
}

/** What the first connection loads and compiles is no part of the cost of each. */
async function warmUp(port: number, echo: Echo): Promise<void> {
  {
    using crowd = new Crowd();
    await crowd.open(port, WARM_UP);
    await within(DEADLINE_MS, crowd.exchange(), "echo");
  }
  await expect(echo, 0);
}

async function expect(echo: Echo, open: number): Promise<void> {
  const there = await waitUntil(() => echo.open === open, DEADLINE_MS);
  if (!there) throw new Error(`the upstream has ${echo.open} connections instead of ${open}`);
}
