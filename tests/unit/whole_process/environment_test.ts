/** These files need a process without other tests, and run one after the other. */

import assert from "node:assert/strict";
import { fixture } from "../admin/admin_fixture.ts";

Deno.test("the environment cannot move the admin interface elsewhere", async () => {
  const port = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const elsewhere = `tcp:127.0.0.1:${port.addr.port}`;
  port.close();
  Deno.env.set("DENO_SERVE_ADDRESS", elsewhere);
  try {
    await using admin = await fixture();
    assert.notEqual(admin.host, elsewhere.slice(4));
    assert.equal(Deno.env.get("DENO_SERVE_ADDRESS"), elsewhere);
  } finally {
    Deno.env.delete("DENO_SERVE_ADDRESS");
  }
});
