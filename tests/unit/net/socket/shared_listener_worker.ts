/** One of several threads that bind the same address: answers each client with the thread's number. */

import { acceptConnections } from "../../../../src/net/socket/accept.ts";
import type { TcpAddress } from "../../../../src/net/address.ts";
import { type Adapter, writeAll } from "../../../../src/net/socket/conn.ts";
import { listen } from "../../../../src/net/socket/listen.ts";

export interface ShareTask {
  readonly address: TcpAddress;
  readonly adapter: Adapter;
  readonly thread: number;
}

/** The thread that started this one. */
const starter = globalThis as unknown as MessagePort;

addEventListener("message", async (event) => {
  const { address, adapter, thread }: ShareTask = (event as MessageEvent).data;
  const listener = await listen(address, { adapter, shared: true });
  const draining = new AbortController();
  addEventListener("message", () => draining.abort(), { once: true });
  starter.postMessage("listening");
  await acceptConnections(listener, {
    onConnection: async (conn) => {
      using client = conn;
      await writeAll(client, Uint8Array.of(thread));
      await client.closeWrite();
      await client.read(new Uint8Array(1));
    },
    onError: (error) => {
      throw error;
    },
    signal: new AbortController().signal,
    draining: draining.signal,
  });
  starter.postMessage("drained");
}, { once: true });
starter.postMessage("ready");
