/** The routes, fields, defaults, statuses and errors of toxiproxy's API, over proxies that are none. */

import assert from "node:assert/strict";
import { ToxiproxyApi } from "../../../../src/admin/toxiproxy/api.ts";
import {
  type Toxic,
  type ToxiproxyBackend,
  ToxiproxyError,
  type ToxiproxyProxy,
} from "../../../../src/admin/toxiproxy/backend.ts";

const DB = { name: "db", listen: "127.0.0.1:5433", upstream: "127.0.0.1:5432" };
const DB_VIEW = { ...DB, enabled: true, toxics: [] };
const LATENCY = { type: "latency", attributes: { latency: 100 } };

Deno.test("GET /proxies is an object by name", async () => {
  const { call } = await withProxies(DB);
  assert.deepEqual(await call("GET", "/proxies"), [200, { db: DB_VIEW }]);
  assert.deepEqual(await start().call("GET", "/proxies"), [200, {}]);
});

Deno.test("POST /proxies creates an enabled proxy, with a port of its own", async () => {
  const { call } = start();
  assert.deepEqual(await call("POST", "/proxies", { name: "db", upstream: DB.upstream }), [201, {
    ...DB_VIEW,
    listen: "127.0.0.1:40001",
  }]);
  const disabled = { ...DB, name: "off", enabled: false };
  assert.deepEqual(await call("POST", "/proxies", disabled), [201, { ...disabled, toxics: [] }]);
});

for (
  const [what, body, status, error] of [
    ["without a name", { upstream: "x:1" }, 400, "missing required field: name"],
    ["with an empty name", { name: "", upstream: "x:1" }, 400, "missing required field: name"],
    ["without an upstream", { name: "db" }, 400, "missing required field: upstream"],
    ["with a wrong type", { name: 1 }, 400, 'bad request body: expected a string for "name"'],
    ["that is there already", DB, 409, "proxy already exists"],
    [
      "that cannot listen",
      { ...DB, name: "taken", listen: "taken" },
      500,
      "listen tcp taken: bind: address already in use",
    ],
    ["that is a list", [], 400, "bad request body: expected a proxy as a JSON object"],
  ] as const
) {
  Deno.test(`POST /proxies refuses a proxy ${what}`, async () => {
    const { call } = await withProxies(DB);
    assert.deepEqual(await call("POST", "/proxies", body), [status, { error, status }]);
  });
}

Deno.test("a body that is no JSON is refused", async () => {
  const { answer } = start();
  const [status, text] = await answer("POST", "/proxies", "{");
  assert.equal(status, 400);
  assert.match(JSON.parse(text).error, /^bad request body: .*JSON/);
  assert.deepEqual(await answer("POST", "/proxies", ""), [
    400,
    '{"error":"bad request body: EOF","status":400}\n',
  ]);
});

Deno.test("names of fields are case-insensitive, null is absent, and unknown ones are ignored", async () => {
  const { call } = start();
  const [status, body] = await call("POST", "/proxies", {
    Name: "db",
    Upstream: "x:1",
    listen: null,
    color: "red",
  });
  assert.deepEqual([status, body.name, body.upstream], [201, "db", "x:1"]);
});

for (const method of ["PATCH", "POST"]) {
  Deno.test(`${method} /proxies/{proxy} changes what it has`, async () => {
    const { call } = await withProxies(DB);
    assert.deepEqual(await call(method, "/proxies/db", { enabled: false }), [200, {
      ...DB_VIEW,
      enabled: false,
    }]);
    assert.deepEqual(await call(method, "/proxies/db", { upstream: "other:1" }), [200, {
      ...DB_VIEW,
      enabled: false,
      upstream: "other:1",
    }]);
  });
}

Deno.test("DELETE /proxies/{proxy} deletes it", async () => {
  const { call } = await withProxies(DB);
  assert.deepEqual(await call("DELETE", "/proxies/db"), [204, undefined]);
  assert.deepEqual(await call("GET", "/proxies/db"), [404, { error: "proxy not found", status: 404 }]);
});

Deno.test("what is not there is not found", async () => {
  const { call } = await withProxies(DB);
  for (const path of ["/proxies/x", "/proxies/x/toxics", "/proxies/x/toxics/y"]) {
    assert.deepEqual(await call("GET", path), [404, { error: "proxy not found", status: 404 }], path);
  }
  for (const method of ["PATCH", "POST", "DELETE"]) {
    assert.equal((await call(method, "/proxies/x", {}))[0], 404, method);
    const answer = await call(method, "/proxies/db/toxics/y", {});
    assert.deepEqual(answer, [404, { error: "toxic not found", status: 404 }], method);
  }
});

Deno.test("POST /populate creates what is missing, replaces what differs, and keeps the rest", async () => {
  const { call, backend } = await withProxies(DB, { ...DB, name: "other" });
  await call("POST", "/proxies/db/toxics", LATENCY);
  const entries = [DB, { ...DB, name: "other", upstream: "new:1" }, { ...DB, name: "third", enabled: false }];
  const [status, { proxies }] = await call("POST", "/populate", entries);
  assert.equal(status, 201);
  assert.deepEqual(
    proxies.map(({ name, upstream, enabled, toxics }: never) => [name, upstream, enabled, toxics["length"]]),
    [
      ["db", DB.upstream, true, 1],
      ["other", "new:1", true, 0],
      ["third", DB.upstream, false, 0],
    ],
  );
  assert.deepEqual(backend.created, ["db", "other", "other", "third"]);
});

Deno.test("POST /populate creates nothing when an entry is incomplete", async () => {
  const { call } = start();
  const entries = [DB, { name: "x" }];
  assert.deepEqual(await call("POST", "/populate", entries), [400, {
    error: "missing required field: upstream at proxy 2",
    status: 400,
  }]);
  assert.deepEqual(await call("GET", "/proxies"), [200, {}]);
});

Deno.test("POST /populate says what it has created before an error", async () => {
  const { call } = start();
  const entries = [DB, { ...DB, name: "b", listen: "taken" }, { ...DB, name: "c" }];
  const error = "listen tcp taken: bind: address already in use";
  assert.deepEqual(await call("POST", "/populate", entries), [500, {
    error,
    status: 500,
    proxies: [DB_VIEW],
  }]);
});

Deno.test("POST /proxies/{proxy}/toxics adds a toxic of the downstream, on every connection", async () => {
  const { call } = await withProxies(DB);
  const added = { name: "latency_downstream", stream: "downstream", toxicity: 1, ...LATENCY };
  assert.deepEqual(await call("POST", "/proxies/db/toxics", LATENCY), [200, added]);
  const own = { ...LATENCY, name: "slow", stream: "upstream", toxicity: 0.5 };
  assert.deepEqual(await call("POST", "/proxies/db/toxics", own), [200, own]);
  // Those of the upstream come first.
  assert.deepEqual(await call("GET", "/proxies/db/toxics"), [200, [own, added]]);
  assert.deepEqual(await call("GET", "/proxies/db/toxics/slow"), [200, own]);
  assert.deepEqual((await call("GET", "/proxies/db"))[1].toxics, [own, added]);
});

for (
  const [what, body, status, error] of [
    [
      "of another stream",
      { ...LATENCY, stream: "sideways" },
      400,
      "stream was invalid, can be either upstream or downstream",
    ],
    ["of another type", { type: "x" }, 400, "invalid toxic type"],
    [
      "whose toxicity is too high",
      { ...LATENCY, toxicity: 2 },
      400,
      'bad request body: expected a number from 0 to 1 for "toxicity"',
    ],
    ["whose name is taken", { ...LATENCY, name: "first" }, 409, "toxic already exists"],
    [
      "whose attributes are a list",
      { ...LATENCY, attributes: [] },
      400,
      "bad request body: expected a mapping of attributes as a JSON object",
    ],
  ] as const
) {
  Deno.test(`POST /proxies/{proxy}/toxics refuses a toxic ${what}`, async () => {
    const { call } = await withProxies(DB);
    await call("POST", "/proxies/db/toxics", { ...LATENCY, name: "first" });
    assert.deepEqual(await call("POST", "/proxies/db/toxics", body), [status, { error, status }]);
  });
}

Deno.test("PATCH /proxies/{proxy}/toxics/{toxic} changes attributes and toxicity, and nothing else", async () => {
  const { call } = await withProxies(DB);
  await call("POST", "/proxies/db/toxics", { ...LATENCY, attributes: { latency: 100, jitter: 10 } });
  const change = { name: "x", type: "timeout", toxicity: 0.2, attributes: { latency: 7 } };
  const changed = {
    name: "latency_downstream",
    type: "latency",
    stream: "downstream",
    toxicity: 0.2,
    attributes: { latency: 7, jitter: 10 },
  };
  assert.deepEqual(await call("PATCH", "/proxies/db/toxics/latency_downstream", change), [200, changed]);
  assert.deepEqual(await call("POST", "/proxies/db/toxics/latency_downstream", {}), [200, changed]);
});

Deno.test("DELETE /proxies/{proxy}/toxics/{toxic} removes it", async () => {
  const { call } = await withProxies(DB);
  await call("POST", "/proxies/db/toxics", LATENCY);
  assert.deepEqual(await call("DELETE", "/proxies/db/toxics/latency_downstream"), [204, undefined]);
  assert.deepEqual(await call("GET", "/proxies/db/toxics"), [200, []]);
});

Deno.test("POST /reset enables all proxies and removes all toxics", async () => {
  const { call } = await withProxies(DB, { ...DB, name: "b" });
  await call("POST", "/proxies/db/toxics", LATENCY);
  await call("POST", "/proxies/db/toxics", { ...LATENCY, stream: "upstream" });
  await call("PATCH", "/proxies/b", { enabled: false });
  assert.deepEqual(await call("POST", "/reset"), [204, undefined]);
  assert.deepEqual(await call("GET", "/proxies"), [200, { db: DB_VIEW, b: { ...DB_VIEW, name: "b" } }]);
});

Deno.test("POST /reset goes on after a proxy that cannot be enabled, and says so", async () => {
  const { call, backend } = await withProxies(DB, { ...DB, name: "b" });
  await call("POST", "/proxies/db/toxics", LATENCY);
  await call("POST", "/proxies/b/toxics", LATENCY);
  for (const name of ["db", "b"]) await call("PATCH", `/proxies/${name}`, { enabled: false });
  const { update } = backend;
  backend.update = (proxy) =>
    proxy.name === "db"
      ? Promise.reject(new ToxiproxyError("listen tcp: bind: address already in use", 500))
      : update.call(backend, proxy);
  assert.deepEqual(await call("POST", "/reset"), [500, {
    error: "listen tcp: bind: address already in use",
    status: 500,
  }]);
  assert.deepEqual(await call("GET", "/proxies"), [200, {
    db: { ...DB_VIEW, enabled: false },
    b: { ...DB_VIEW, name: "b" },
  }]);
});

Deno.test("GET /version has the version whose API this is", async () => {
  assert.deepEqual(await start().call("GET", "/version"), [200, { version: "2.12.0" }]);
});

Deno.test("GET /metrics is there when metrics are", async () => {
  const { answer, backend } = start();
  assert.equal((await answer("GET", "/metrics"))[0], 404);
  backend.metrics = () => "up 1\n";
  assert.deepEqual(await answer("GET", "/metrics"), [200, "up 1\n"]);
});

Deno.test("browsers are refused, whatever they claim to be", async () => {
  const { request } = start();
  for (
    const header of [["user-agent", "Mozilla/5.0"], ["origin", "http://evil.example"], [
      "sec-fetch-site",
      "none",
    ]]
  ) {
    const response = await request("GET", "/proxies", undefined, [header as [string, string]]);
    assert.deepEqual([response.status, await response.text()], [403, "User agent not allowed\n"], header[0]);
  }
});

Deno.test("other paths are not found, and other methods are not allowed", async () => {
  const { answer } = start();
  assert.deepEqual(await answer("GET", "/"), [404, "404 page not found\n"]);
  assert.deepEqual(await answer("PUT", "/proxies"), [405, ""]);
});

Deno.test("every response has a request id", async () => {
  const { request } = start();
  for (const path of ["/proxies", "/nothing"]) {
    assert.match((await request("GET", path)).headers.get("x-toxiproxy-request-id")!, /^[0-9a-f-]{36}$/);
  }
});

Deno.test("names in paths are decoded", async () => {
  const { call } = await withProxies({ ...DB, name: "a b/c" });
  assert.equal((await call("GET", "/proxies/a%20b%2Fc"))[1].name, "a b/c");
  assert.equal((await call("GET", "/proxies/%"))[0], 404);
});

Deno.test("requests that change something come one after the other", async () => {
  const { call } = start();
  const all = await Promise.all([1, 2, 3].map(() => call("POST", "/proxies", DB)));
  assert.deepEqual(all.map(([status]) => status), [201, 409, 409]);
});

Deno.test("an error of the backend is a 500 with its message", async () => {
  const { call, backend } = await withProxies(DB);
  backend.delete = () => Promise.reject(new Error("out of order"));
  assert.deepEqual(await call("DELETE", "/proxies/db"), [500, { error: "out of order", status: 500 }]);
});

class FakeToxiproxy implements ToxiproxyBackend {
  readonly created: string[] = [];
  readonly #proxies = new Map<string, ToxiproxyProxy>();
  readonly #toxics = new Map<string, Toxic[]>();
  metrics: ToxiproxyBackend["metrics"];

  proxies(): ReadonlyMap<string, ToxiproxyProxy> {
    return this.#proxies;
  }

  toxics(proxy: string): readonly Toxic[] {
    return this.#toxics.get(proxy) ?? [];
  }

  async create(proxy: ToxiproxyProxy): Promise<void> {
    await Promise.resolve();
    const { name, listen } = proxy;
    if (listen === "taken") throw new ToxiproxyError("listen tcp taken: bind: address already in use", 500);
    this.created.push(name);
    this.#toxics.delete(name);
    this.#proxies.set(name, { ...proxy, listen: listen || `127.0.0.1:${40000 + this.created.length}` });
  }

  update(proxy: ToxiproxyProxy): Promise<void> {
    this.#proxies.set(proxy.name, proxy);
    return Promise.resolve();
  }

  delete(proxy: string): Promise<void> {
    this.#proxies.delete(proxy);
    return Promise.resolve();
  }

  addToxic(proxy: string, toxic: Toxic): Promise<void> {
    if (toxic.type === "x") return Promise.reject(new ToxiproxyError("invalid toxic type", 400));
    this.#toxics.set(proxy, [...this.toxics(proxy), toxic]);
    return Promise.resolve();
  }

  updateToxic(proxy: string, toxic: Toxic): Promise<void> {
    this.#toxics.set(proxy, this.toxics(proxy).map((each) => each.name === toxic.name ? toxic : each));
    return Promise.resolve();
  }

  removeToxic(proxy: string, toxic: string): Promise<void> {
    this.#toxics.set(proxy, this.toxics(proxy).filter(({ name }) => name !== toxic));
    return Promise.resolve();
  }

  isSameListen(a: string, b: string): boolean {
    return a === b;
  }
}

function start() {
  const backend = new FakeToxiproxy();
  const api = new ToxiproxyApi(backend);
  const request = (method: string, target: string, body?: string, headers: [string, string][] = []) =>
    api.answer({ method, target, headers: new Headers(headers), body: bytesOf(body) });
  const answer = async (...call: Parameters<typeof request>): Promise<[number, string]> => {
    const response = await request(...call);
    return [response.status, await response.text()];
  };
  // deno-lint-ignore no-explicit-any -- the tests say what it is
  const call = async (method: string, target: string, body?: unknown): Promise<[number, any]> => {
    const [status, text] = await answer(
      method,
      target,
      body === undefined ? undefined : JSON.stringify(body),
    );
    return [status, text === "" ? undefined : JSON.parse(text)];
  };
  return { backend, request, answer, call };
}

async function withProxies(...proxies: { readonly name: string }[]): Promise<ReturnType<typeof start>> {
  const started = start();
  for (const proxy of proxies) assert.equal((await started.call("POST", "/proxies", proxy))[0], 201);
  return started;
}

async function* bytesOf(text = ""): AsyncGenerator<Uint8Array> {
  if (text !== "") yield new TextEncoder().encode(text);
}
