import assert from "node:assert/strict";
import type { TcpAddress } from "../../../../src/net/address.ts";
import type { Adapter } from "../../../../src/net/socket/conn.ts";
import { listen } from "../../../../src/net/socket/listen.ts";
import { NodeListener } from "../../../../src/net/socket/node_listener.ts";
import { canShare, reserve } from "../../../../src/net/socket/reserve.ts";
import { ANYWHERE } from "../../../support/peers/accept_fixture.ts";
import type { ShareTask } from "./shared_listener_worker.ts";

const ADAPTERS: readonly Adapter[] = ["deno", "node"];
const THREADS = 2;
const CLIENTS = 200;

for (const adapter of ADAPTERS) {
  Deno.test({
    name: `listen() in several threads gives each of them clients (${adapter})`,
    ignore: !canShare(),
    fn: async () => {
      using reservation = await reserve(ANYWHERE);
      const { address } = reservation;
      const threads = await Promise.all(
        Array.from({ length: THREADS }, (_, thread) => Thread.start({ address, adapter, thread })),
      );
      try {
        reservation.release();
        const served = Array.from({ length: THREADS }, () => 0);
        for (let client = 0; client < CLIENTS; client++) served[await threadOf(address)]! += 1;
        assert.ok(served.every((count) => count > CLIENTS / 10), `served ${served}`);
        await assert.rejects(reserve(address), { name: "ListenError", code: "address_in_use" });
        await Promise.all(threads.map((thread) => thread.drain()));
        (await reserve(address)).release();
      } finally {
        for (const thread of threads) thread[Symbol.dispose]();
      }
    },
  });

  Deno.test({
    name: `listen() refuses to share an exclusive address, or to take a shared one exclusively (${adapter})`,
    ignore: !canShare(),
    fn: async () => {
      const inUse = { name: "ListenError", code: "address_in_use" };
      const alone = await listen(ANYWHERE, { adapter });
      await assert.rejects(listen(alone.address, { adapter, shared: true }), inUse);
      alone.close();
      const shared = await listen(ANYWHERE, { adapter, shared: true });
      await assert.rejects(listen(shared.address, { adapter }), inUse);
      const another = await listen(shared.address, { adapter, shared: true });
      assert.deepEqual(another.address, shared.address);
      shared.close();
      another.close();
      another.close();
    },
  });
}

Deno.test({
  name: "NodeListener still shares its address after it was bound again",
  ignore: !canShare(),
  fn: async () => {
    const shared = await NodeListener.bind(ANYWHERE, { backlog: 9, shared: true });
    const other = await listen(shared.address, { adapter: "deno", shared: true });
    const accepting = shared.accept();
    const rebind = timerOf(() => shared.onShortage());
    await rebind();
    other.close();
    using _client = await connect(shared.address);
    // It would reject if the address were in use.
    (await accepting).close();
    shared.close();
    await assert.rejects(connect(shared.address), Deno.errors.ConnectionRefused);
  },
});

/** The callbacks that `schedule` would give to a timer. */
function timerOf(schedule: () => void): () => unknown {
  const { setTimeout } = globalThis;
  let scheduled: (() => unknown) | undefined;
  globalThis.setTimeout = ((callback: () => unknown) => {
    scheduled = callback;
    return 0;
  }) as unknown as typeof setTimeout;
  try {
    schedule();
  } finally {
    globalThis.setTimeout = setTimeout;
  }
  assert.ok(scheduled);
  return scheduled;
}

class Thread implements Disposable {
  readonly #worker = new Worker(new URL("./shared_listener_worker.ts", import.meta.url), { type: "module" });

  static async start(task: ShareTask): Promise<Thread> {
    const thread = new Thread();
    await thread.#waitFor("ready");
    const listening = thread.#waitFor("listening");
    thread.#worker.postMessage(task);
    await listening;
    return thread;
  }

  async drain(): Promise<void> {
    const drained = this.#waitFor("drained");
    this.#worker.postMessage("drain");
    await drained;
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }

  #waitFor(what: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#worker.onmessage = ({ data }) => data === what ? resolve() : reject(new Error(`It said ${data}`));
    this.#worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(event.message));
    };
    return promise;
  }
}

async function threadOf(address: TcpAddress): Promise<number> {
  using conn = await connect(address);
  const answer = new Uint8Array(1);
  assert.equal(await conn.read(answer), 1);
  return answer[0]!;
}

async function connect({ hostname, port }: TcpAddress): Promise<Deno.TcpConn> {
  return await Deno.connect({ hostname, port });
}
