/** Addresses that Deno does not permit. */

import assert from "node:assert/strict";
import { dial } from "../../../../src/net/socket/dial.ts";
import { listen } from "../../../../src/net/socket/listen.ts";
import { ListenError } from "../../../../src/net/socket/listen_error.ts";
import { proxyErrorOf } from "../../../../src/net/errors.ts";

for (const adapter of ["deno", "node"] as const) {
  for (const hostname of ["127.0.0.1", "::1", "localhost"]) {
    const host = hostname.includes(":") ? `[${hostname}]` : hostname;

    Deno.test({
      name: `listen() on ${hostname} names the missing permission (${adapter})`,
      permissions: { net: ["192.0.2.1"] },
      fn: async () => {
        const address = { transport: "tcp", hostname, port: 0 } as const;
        await assert.rejects(listen(address, { adapter }), (error) => {
          assert.ok(error instanceof ListenError);
          assert.equal(error.code, "permission_denied");
          assert.equal(error.detail, `not allowed by Deno (add ${host}:0 to --allow-net)`);
          return true;
        });
      },
    });

    Deno.test({
      name: `dial() to ${hostname} names the missing permission (${adapter})`,
      permissions: { net: ["192.0.2.1"] },
      fn: async () => {
        const address = { transport: "tcp", hostname, port: 9 } as const;
        const { signal } = new AbortController();
        await assert.rejects(dial(address, { adapter, signal }), (error) => {
          const { code, message } = proxyErrorOf(error, "upstream");
          assert.deepEqual([code, message], [
            "permission_denied",
            `not allowed by Deno (add ${host}:9 to --allow-net)`,
          ]);
          return true;
        });
      },
    });
  }
}
