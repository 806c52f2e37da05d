/** What connections leave behind when they end, measured in V8's heap. */

import assert from "node:assert/strict";
import { getHeapSpaceStatistics } from "node:v8";
import { decodeOptions } from "../../../src/config/library.ts";
import { silentLog } from "../../../src/observe/log/log.ts";
import { runProxy } from "../../../src/runtime/proxy.ts";

/**
 * What a function literal that is assigned to a field keeps alive (see `Connection.#step`) is 3 to 5 KB more. The
 * client, the server and the sanitizers of this test leave 0.8 KB.
 */
const MOST_BYTES = 2000;

Deno.test("connections that have ended leave nothing to the old generation", async () => {
  using server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  // Not the one of startProxy(), which keeps events for its user.
  const options = { services: [{ name: "db", listen: 0, upstream: `127.0.0.1:${server.addr.port}` }] };
  const proxy = await runProxy(decodeOptions(options), silentLog());
  const port = Number(proxy.services[0]!.listen[0]!.split(":")[1]);
  const bytes = new Uint8Array(16);
  const grownBy = async (clients: number): Promise<number> => {
    const before = oldBytes();
    for (let served = 0; served < clients; served++) {
      using client = await Deno.connect({ hostname: "127.0.0.1", port });
      using conn = await server.accept();
      await client.write(bytes);
      await conn.read(bytes);
    }
    return (oldBytes() - before) / clients;
  };
  // Compiled code stays in the old generation too.
  await grownBy(1000);
  // A full collection or a compilation spoils one of them.
  const rounds = [await grownBy(1000), await grownBy(1000), await grownBy(1000)];
  const [, median] = rounds.sort((a, b) => a - b);
  await proxy.stop();
  assert.ok(median! < MOST_BYTES, `${rounds} bytes a connection`);
});

function oldBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === "old_space")!.space_used_size;
}
