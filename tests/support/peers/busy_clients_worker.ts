/** Connects clients, reports that, and waits for their answers. */

import type { Outcome } from "./accept_fixture.ts";
import type { BusyTask } from "./busy_clients.ts";

/** The thread that started this one. */
const starter = globalThis as unknown as MessagePort;

addEventListener("message", async (event) => {
  const { port, clients, greeting, connected }: BusyTask = (event as MessageEvent).data;
  const connects = Array.from({ length: clients }, () => Deno.connect({ hostname: "127.0.0.1", port }));
  const settled = await Promise.allSettled(connects);
  const flag = new Int32Array(connected);
  Atomics.store(flag, 0, 1);
  Atomics.notify(flag, 0);
  starter.postMessage(await Promise.all(settled.map((connect) => outcomeOf(connect, greeting))));
});
starter.postMessage("ready");

async function outcomeOf(connect: PromiseSettledResult<Deno.TcpConn>, greeting: string): Promise<Outcome> {
  if (connect.status === "rejected") return "lost";
  using conn = connect.value;
  await conn.write(new TextEncoder().encode(greeting)).catch(
    () => {/* the answer is missing as well then */},
  );
  return await conn.read(new Uint8Array(1)).catch(() => null) === 1 ? "answered" : "lost";
}
