// A TypeScript test as users of Vitest write it.

import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { type FaultOptions, startSluice, WaitTimeoutError } from "@sluice-proxy/sluice/test";

test("a slow answer", async () => {
  const server = net.createServer((socket) => void socket.pipe(socket).on("error", () => {}));
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  await using proxy = await startSluice({ upstream: `127.0.0.1:${port}`, seed: "vitest" });
  const slow: FaultOptions = { type: "latency", latency: 200 };
  const fault = await proxy.faults.add(slow);
  const client = net.connect(proxy.port, "127.0.0.1");
  const began = performance.now();
  client.write("hello");
  const [data] = await once(client, "data");
  expect(String(data)).toBe("hello");
  expect(performance.now() - began).toBeGreaterThanOrEqual(200);
  expect(await proxy.faults.list()).toMatchObject([{ name: fault.name, type: "latency", applied: 1 }]);
  client.end();
  const { bytes } = await proxy.nextEvent("closed");
  expect(bytes).toEqual({ upload: 5, download: 5 });
  await expect(proxy.nextEvent("closed", { timeout: 1 })).rejects.toThrow(WaitTimeoutError);
  server.close();
});

// @ts-expect-error -- a wrong parameter is an error of types first
const wrong: FaultOptions = { type: "latency", latancy: 1 };

test("a wrong parameter", async () => {
  await using proxy = await startSluice({ upstream: "127.0.0.1:1" });
  await expect(proxy.faults.add(wrong)).rejects.toThrow('Unknown key "latancy": did you mean "latency"?');
});
