/** These files need a process without other tests, and run one after the other. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { listen, type Listener } from "../../../src/net/socket/listen.ts";
import { ListenError } from "../../../src/net/socket/listen_error.ts";

Deno.test({
  name: "listen() creates a unix socket with its mode, whatever the umask (needs Unix)",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const directory = await Deno.makeTempDir({ dir: "/tmp" });
    const path = join(directory, "test.sock");
    const original = Deno.listen;
    const umask = Deno.umask(0);
    const seen: number[] = [];
    Deno.listen = ((options: Deno.TcpListenOptions & { path: string }) => {
      const listener = original(options);
      seen.push(modeOf(options.path));
      return listener;
    }) as typeof Deno.listen;
    let listener: Listener | undefined;
    try {
      for (const [mask, mode] of [[0, 0o600], [0o022, 0o660], [0o077, 0o666]] as const) {
        Deno.umask(mask);
        listener = await listen({ transport: "unix", path }, { adapter: "deno", unixMode: mode });
        assert.equal(seen.pop()! & ~mode, 0, "more permissions than asked for");
        assert.equal(modeOf(path), mode);
        assert.equal(Deno.umask(), mask);
        listener.close();
      }
      const taken = listen({ transport: "unix", path: join(path, "x") }, {
        adapter: "deno",
        unixMode: 0o600,
      });
      await assert.rejects(taken, ListenError);
      assert.equal(Deno.umask(), 0o077);
    } finally {
      Deno.umask(umask);
      Deno.listen = original;
      listener?.close();
      await Deno.remove(directory, { recursive: true });
    }
  },
});

function modeOf(path: string): number {
  return Deno.statSync(path).mode! & 0o777;
}
