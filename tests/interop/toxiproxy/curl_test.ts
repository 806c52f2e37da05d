/** The API as scripts use it with curl, and `sluice toxic` as scripts use `toxiproxy-cli`. */

import assert from "node:assert/strict";
import { interopTest, run } from "../../support/interop.ts";
import { runSluice } from "../../support/program/program.ts";
import { echoed, toxiproxyServer } from "./toxiproxy_server.ts";

const CURL = { needs: ["curl"], install: "apt install curl" };

interopTest("curl drives the toxiproxy API from creation to reset", CURL, async (stack) => {
  const { url, echo } = await toxiproxyServer(stack, ["-proxy-metrics", "-seed", "7"]);
  // curl sends the body without "Content-Type: application/json", as in toxiproxy's own examples.
  const curl = async (method: string, path: string, body?: string) => {
    const data = body === undefined ? [] : ["-d", body];
    const { text } = await run("curl", ["-s", "-w", "\n%{http_code}", "-X", method, ...data, url + path]);
    const [answer = "", status] = text.split(/\n(?=\d+$)/);
    return [Number(status), answer.trim()] as const;
  };
  const [created, proxy] = await curl("POST", "/proxies", `{"name":"db","upstream":"${echo.address}"}`);
  assert.equal(created, 201);
  const { listen } = JSON.parse(proxy);
  assert.deepEqual(JSON.parse(proxy), {
    name: "db",
    listen,
    upstream: echo.address,
    enabled: true,
    toxics: [],
  });
  assert.equal((await echoed(listen, "hello")).text, "hello");
  const slicer = '{"type":"slicer","attributes":{"average_size":1,"size_variation":0,"delay":10}}';
  assert.deepEqual(await curl("POST", "/proxies/db/toxics", slicer), [
    200,
    '{"name":"slicer_downstream","type":"slicer","stream":"downstream","toxicity":1,' +
    '"attributes":{"average_size":1,"size_variation":0,"delay":10}}',
  ]);
  assert.equal((await echoed(listen, "sliced")).text, "sliced");
  assert.equal((await curl("POST", "/proxies/db/toxics", slicer))[0], 409);
  assert.equal((await curl("POST", "/proxies/db/toxics", '{"type":"x"}'))[0], 400);
  const taken = `{"name":"two","listen":"${listen}","upstream":"x:1"}`;
  assert.deepEqual(await curl("POST", "/proxies", taken), [
    500,
    `{"error":"listen tcp ${listen}: bind: address already in use","status":500}`,
  ]);
  const down = '{"name":"down","type":"noop"}';
  assert.equal((await curl("POST", "/proxies/db/toxics", down))[0], 200);
  assert.equal((await curl("PATCH", "/proxies/db", '{"enabled":false}'))[0], 200);
  assert.deepEqual(await echoed(listen, "refused").catch(() => "refused"), "refused");
  assert.equal((await curl("POST", "/proxies/db/toxics", '{"name":"down_2","type":"noop"}'))[0], 409);
  assert.deepEqual(await curl("POST", "/reset"), [204, ""]);
  assert.deepEqual(await curl("GET", "/proxies/db/toxics"), [200, "[]"]);
  assert.match((await curl("GET", "/metrics"))[1], /^sluice_connections_total\{service="db"\} 2$/m);
  assert.deepEqual(await curl("DELETE", "/proxies/db"), [204, ""]);
  assert.deepEqual(await curl("GET", "/proxies/db"), [404, '{"error":"proxy not found","status":404}']);
});

Deno.test("a disabled proxy may have the address of another one, which keeps it", async () => {
  await using stack = new AsyncDisposableStack();
  const { url, echo } = await toxiproxyServer(stack);
  const call = async (method: string, path: string, body?: object) => {
    const answer = await fetch(url + path, { method, body: body ? JSON.stringify(body) : null });
    return [answer.status, await answer.text()] as const;
  };
  await call("POST", "/proxies", { name: "off", upstream: echo.address, enabled: false });
  const [, created] = await call("POST", "/proxies", { name: "on", upstream: echo.address });
  const { listen } = JSON.parse(created);
  await call("DELETE", "/proxies/on");
  assert.equal((await call("POST", "/proxies", { name: "on", listen, upstream: echo.address }))[0], 201);
  assert.equal((await call("PATCH", "/proxies/off", { listen }))[0], 200);
  assert.equal((await call("PATCH", "/proxies/off", { enabled: true }))[0], 500);
  assert.equal((await echoed(listen, "still there")).text, "still there");
  assert.deepEqual(await call("DELETE", "/proxies/off"), [204, ""]);
  assert.equal((await echoed(listen, "still there")).text, "still there");
});

Deno.test("sluice toxic has the commands of toxiproxy-cli", async () => {
  await using stack = new AsyncDisposableStack();
  const { url, echo } = await toxiproxyServer(stack);
  const toxic = async (...args: string[]) => {
    const { code, stdout, stderr } = await runSluice(["toxic", ...args], { env: { TOXIPROXY_URL: url } });
    return code === 0 ? stdout.trimEnd() : `${code} ${stderr.trimEnd()}`;
  };
  assert.equal(await toxic("list"), "No proxies: sluice toxic create makes one");
  const [, listen] = /^Created proxy db: (\S+) to /.exec(await toxic("create", "-u", echo.address, "db"))!;
  assert.equal(
    await toxic("add", "db", "-t", "latency", "-a", "latency=100", "-a", "jitter=5", "--toxicity", "0.5"),
    "Added toxic latency_downstream (latency, downstream, toxicity 0.5; latency=100 jitter=5) to proxy db",
  );
  assert.equal(
    await toxic("toxic", "update", "-n", "latency_downstream", "-a", "latency=7", "db"),
    "Updated toxic latency_downstream (latency, downstream, toxicity 0.5; latency=7 jitter=5) on proxy db",
  );
  assert.deepEqual((await toxic("ls")).split("\n"), [
    `NAME  LISTEN${" ".repeat(listen!.length - 4)}UPSTREAM${
      " ".repeat(echo.address.length - 6)
    }STATE    TOXICS`,
    `db    ${listen}  ${echo.address}  enabled       1`,
  ]);
  assert.match(
    await toxic("inspect", "db"),
    /latency_downstream +latency +downstream +0\.5 +latency=7 jitter=5/,
  );
  assert.equal(
    await toxic("remove", "-n", "latency_downstream", "db"),
    "Removed toxic latency_downstream from proxy db",
  );
  assert.equal(
    await toxic("add", "db", "-t", "latncy"),
    '1 sluice: Unknown type of toxic "latncy": did you mean "latency"?',
  );
  assert.match(
    await toxic("add", "db", "-t", "down"),
    /^1 sluice: Unknown type of toxic "down": expected one of latency, /,
  );
  assert.equal(await toxic("toggle", "db"), "Proxy db is disabled");
  assert.equal(await toxic("toggle", "db"), "Proxy db is enabled");
  assert.equal(await toxic("delete", "db"), "Deleted proxy db");
  assert.equal(await toxic("inspect", "db"), "1 sluice: proxy not found");
  assert.match(await toxic("ad"), /^2 sluice: Unknown command "ad": did you mean "add"\?/);
  assert.match(await toxic("xyz"), /^2 sluice: Unknown command "xyz": expected one of list, inspect/);
  assert.match(await toxic("create", "db"), /^2 sluice: No upstream given/);
  assert.match(
    await toxic("list", "--host", "127.0.0.1:1"),
    /^1 sluice: Cannot reach http:\/\/127\.0\.0\.1:1/,
  );
});

Deno.test("sluice toxiproxy creates the proxies of a file, and says what is wrong with one", async () => {
  await using stack = new AsyncDisposableStack();
  const path = await Deno.makeTempFile({ suffix: ".json" });
  stack.defer(() => Deno.remove(path));
  await Deno.writeTextFile(path, '[{"name":"db","listen":"127.0.0.1:0","upstream":"127.0.0.1:1"}]');
  const { sluice } = await toxiproxyServer(stack, ["-config", path]);
  assert.deepEqual(sluice.ready.services.map(({ name }) => name), ["db"]);
  await Deno.writeTextFile(path, '[{"name":"db"}]');
  const incomplete = await runSluice(["toxiproxy", "-port", "0", "-config", path]);
  assert.deepEqual([incomplete.code, incomplete.stderr.split("\n").at(-2)], [
    1,
    `sluice: Cannot create the proxies of ${path}: missing required field: upstream at proxy 1`,
  ]);
  await Deno.writeTextFile(path, "[");
  const broken = await runSluice(["toxiproxy", "-port", "0", "-config", path]);
  assert.equal(broken.code, 2);
  assert.match(broken.stderr, /Cannot parse it as JSON/);
});
