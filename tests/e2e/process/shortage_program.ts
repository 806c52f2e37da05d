/** Connects to a name with two addresses until this process cannot any more, and prints why. */

import { dial } from "../../../src/net/socket/dial.ts";
import { NameLookup } from "../../../src/net/socket/lookup.ts";
import type { Conn } from "../../../src/net/socket/conn.ts";
import { ProxyError } from "../../../src/net/errors.ts";

if (import.meta.main) console.log(await connectUntilFailure());

async function connectUntilFailure(): Promise<string> {
  // No program accepts: the kernel does.
  const listener = Deno.listen({ hostname: "0.0.0.0", port: 0 });
  const names = new NameLookup({ find: () => Promise.resolve(["127.0.0.1", "127.0.0.2"]) });
  const address = { transport: "tcp", hostname: "twins.test", port: listener.addr.port } as const;
  const { signal } = new AbortController();
  const conns: Conn[] = [];
  try {
    for (;;) conns.push(await dial(address, { adapter: "deno", signal, names }));
  } catch (error) {
    return error instanceof ProxyError ? `${error.code} ${error.side} ${conns.length}` : String(error);
  } finally {
    for (const conn of conns) conn.close();
    listener.close();
  }
}
