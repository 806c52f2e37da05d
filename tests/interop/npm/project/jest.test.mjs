// A test as users of Jest write it, in an ES module.

import net from "node:net";
import { once } from "node:events";
import { startSluice } from "@sluice-proxy/sluice/test";

let proxy;
beforeAll(async () => {
  proxy = await startSluice({ upstream: "127.0.0.1:1" });
});
afterAll(() => proxy.stop());

test("a client of an upstream that is not there is closed", async () => {
  const client = net.connect(proxy.port, "127.0.0.1");
  client.on("error", () => {});
  await once(client, "close");
  expect((await proxy.nextEvent("failed")).reason).toBe("connection_refused");
});
