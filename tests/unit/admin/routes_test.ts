import assert from "node:assert/strict";
import { ask, codeOf, type Fixture, fixture, order, outcome, recordingLog } from "./admin_fixture.ts";
import { RELOADED } from "./fake_backend.ts";

Deno.test("createAdminServer() answers GET and HEAD, with headers that restrict browsers", async () => {
  await using admin = await fixture();
  for (const path of ["/healthz", "/metrics", "/api/v1/status", "/api/v1/connections", "/", "/page.js"]) {
    const got = await outcome(admin.url + path);
    const head = await outcome(admin.url + path, { method: "HEAD" });
    assert.equal(got.status, 200, path);
    assert.notEqual(got.text, "", path);
    assert.deepEqual([head.status, head.text], [200, ""], path);
    assert.equal(head.headers.get("content-type"), got.headers.get("content-type"));
    for (const { headers } of [got, head, await outcome(admin.url + path + "x")]) {
      assert.match(headers.get("content-security-policy")!, /^default-src 'none'; script-src 'self';/);
      assert.equal(headers.get("x-content-type-options"), "nosniff");
      assert.equal(headers.get("referrer-policy"), "no-referrer");
      assert.equal(headers.get("cache-control"), "no-store");
      assert.equal(headers.get("access-control-allow-origin"), null);
    }
  }
  const page = await outcome(admin.url);
  assert.equal(page.headers.get("content-type"), "text/html; charset=utf-8");
  assert.equal(page.text, "<!doctype html><title>sluice</title>");
});

Deno.test("/readyz gives the reasons why the proxy is not ready", async () => {
  await using admin = await fixture();
  assert.deepEqual(await outcome(`${admin.url}/readyz`).then(({ status }) => status), 200);
  admin.backend.notReady = ["draining"];
  const { status, text } = await outcome(`${admin.url}/readyz`);
  assert.equal(status, 503);
  assert.deepEqual(JSON.parse(text), { ready: false, not_ready: ["draining"] });
});

Deno.test("/readyz names groups only with the token, if one is configured", async () => {
  const token = "correct-horse-battery";
  const reasons = ["billing-db: no endpoint is known yet", "cache: the first health checks are under way"];
  const reasonsOf = async (admin: Fixture, headers: HeadersInit = {}) => {
    admin.backend.notReady = reasons;
    const { status, text } = await outcome(`${admin.url}/readyz`, { headers });
    assert.equal(status, 503);
    return JSON.parse(text).not_ready;
  };
  await using open = await fixture();
  assert.deepEqual(await reasonsOf(open), reasons);
  await using closed = await fixture({ token });
  assert.deepEqual(await reasonsOf(closed), ["upstreams"]);
  assert.deepEqual(await reasonsOf(closed, { authorization: "Bearer wrong-horse-battery" }), ["upstreams"]);
  assert.deepEqual(await reasonsOf(closed, { authorization: `Bearer ${token}` }), reasons);
  closed.backend.notReady = ["draining"];
  assert.equal((await outcome(`${closed.url}/readyz`)).text, '{"ready":false,"not_ready":["draining"]}\n');
});

Deno.test("createAdminServer() suggests paths for an unknown one, and methods for a wrong one", async () => {
  await using admin = await fixture();
  const near = {
    "/api/v1/service": "/api/v1/services",
    "/api/v1/services/": "/api/v1/services",
    "/status": "/api/v1/status",
    "/metric": "/metrics",
    "/healtz": "/healthz or /readyz",
  };
  for (const [path, meant] of Object.entries(near)) {
    const { status, code, text } = await outcome(admin.url + path);
    assert.deepEqual([status, code], [404, "not_found"]);
    assert.equal(text, `Nothing is at ${path}; did you mean ${meant}?`);
  }
  const far = await outcome(`${admin.url}/what/is/this/that/no/client/ever/asked/for`);
  assert.match(far.text, /; there are \/healthz, .*\/api\/v1\/connections\/\{id\}, .*, \/$/);

  const cases: [path: string, method: string, allow: string][] = [
    ["/api/v1/drain", "GET", "POST"],
    ["/api/v1/status", "DELETE", "GET, HEAD"],
    ["/api/v1/connections/7", "GET", "DELETE"],
    ["/", "OPTIONS", "GET, HEAD"],
  ];
  for (const [path, method, allow] of cases) {
    const { status, code, headers } = await outcome(admin.url + path, { method });
    assert.deepEqual([status, code, headers.get("allow")], [405, "method_not_allowed", allow], path);
  }
  assert.equal((await outcome(`${admin.url}/api/v1/upstreams/%zz/x`, order("POST"))).status, 404);
});

Deno.test("createAdminServer() refuses unknown, repeated and invalid query parameters", async () => {
  await using admin = await fixture();
  const good: [query: string, read: unknown][] = [
    ["", { filter: "", sort: "id", isDescending: false, offset: 0, limit: 100 }],
    ["?sort=-bytes&limit=1000&offset=40&filter=Re%20d%C3%A9", {
      filter: "Re dé",
      sort: "bytes",
      isDescending: true,
      offset: 40,
      limit: 1000,
    }],
    ["?filter=" + "x".repeat(200), {
      filter: "x".repeat(200),
      sort: "id",
      isDescending: false,
      offset: 0,
      limit: 100,
    }],
  ];
  for (const [query] of good) {
    assert.equal((await outcome(`${admin.url}/api/v1/connections${query}`)).status, 200);
  }
  assert.deepEqual(admin.backend.queries, good.map(([, read]) => read));

  const bad: [query: string, message: RegExp][] = [
    ["connections?limit=0", /"limit": expected a whole number from 1 to 1000/],
    ["connections?limit=1001", /"limit"/],
    ["connections?limit=1e2", /"limit"/],
    ["connections?limit=", /"limit"/],
    ["connections?offset=-1", /"offset"/],
    ["connections?offset=99999999999999999999", /"offset"/],
    ["connections?sort=size", /"sort": expected one of id, age, bytes/],
    ["connections?sort=", /"sort"/],
    ["connections?filter=" + "x".repeat(201), /"filter": expected at most 200 characters/],
    ["connections?limits=3", /Unknown query parameter "limits"/],
    ["connections?limit=3&limit=4", /"limit" is given more than once/],
    ["connections?__proto__=3", /Unknown query parameter "__proto__"/],
    ["status?verbose=1", /Unknown query parameter "verbose"/],
    ["events?stats=2", /"stats": expected "0" or "1"/],
    ["events?types=closed,what", /"types": expected some of opened,connected,/],
    ["events?types=", /"types"/],
    ["events?types=constructor", /"types"/],
  ];
  for (const [query, message] of bad) {
    const { status, code, text } = await outcome(`${admin.url}/api/v1/${query}`);
    assert.deepEqual([status, code], [400, "bad_query"], query);
    assert.match(text, message);
  }
  assert.equal(admin.backend.listeners, 0);
});

Deno.test("createAdminServer() takes bodies of JSON objects up to 64 KiB, without unknown fields", async () => {
  await using admin = await fixture();
  const drain = `${admin.url}/api/v1/drain`;
  const json = { "content-type": "application/json" };
  const form = { "content-type": "application/x-www-form-urlencoded" };
  const cases: [init: RequestInit, status: number, code: string, message: RegExp][] = [
    [{ headers: json, body: "{" }, 400, "bad_json", /Cannot parse the body as JSON/],
    [{ headers: json, body: new Uint8Array([0x22, 0xff, 0x22]) }, 400, "bad_json", /JSON/],
    [{ headers: json, body: "[]" }, 400, "bad_body", /JSON object/],
    [{ headers: json, body: '{"dead":1}' }, 400, "bad_body", /Unknown field "dead"/],
    [{ headers: json, body: '{"deadline":"10"}' }, 400, "bad_body", /"deadline": .*a unit is missing/],
    [{ headers: json, body: '{"deadline":-1}' }, 400, "bad_body", /"deadline": expected a duration/],
    [{ headers: json, body: '{"deadline":1.5}' }, 400, "bad_body", /"deadline"/],
    [{ headers: json, body: '{"deadline":1e12}' }, 400, "bad_body", /at most 24d/],
    [{ headers: json, body: '{"not_after":"1s"}' }, 400, "bad_body", /"not_after": expected milliseconds/],
    [{ headers: json, body: '{"not_after":1e12}' }, 409, "too_late", /its sender has given up/],
    [{ headers: json, body: `{"x":"${"x".repeat(64 * 1024)}"}` }, 413, "body_too_large", /65536 bytes/],
    [{ headers: form, body: "deadline=10s" }, 415, "not_json", /application\/json/],
    [{ headers: { "content-type": "application/jsonp" }, body: "{}" }, 415, "not_json", /application\/json/],
    [{ body: "{}" }, 415, "not_json", /application\/json/],
  ];
  for (const [init, status, code, message] of cases) {
    const got = await outcome(drain, { method: "POST", ...init });
    assert.deepEqual([got.status, got.code], [status, code], String(init.body).slice(0, 40));
    assert.match(got.text, message);
  }
  assert.deepEqual(admin.backend.drains, []);

  for (
    const body of [undefined, {}, { deadline: "1m30s" }, { deadline: 250 }, { deadline: 0, not_after: 1e13 }]
  ) {
    assert.equal((await outcome(drain, order("POST", body))).status, 202);
  }
  const typed = { "content-type": "Application/JSON; charset=utf-8" };
  assert.equal(
    (await outcome(drain, { method: "POST", headers: typed, body: '{"deadline":"0"}' })).status,
    202,
  );
  assert.deepEqual(admin.backend.drains, [undefined, undefined, 90_000, 250, 0, 0]);
});

Deno.test("createAdminServer() limits a chunked body to 64 KiB, too", async () => {
  await using admin = await fixture();
  const head = [
    "POST /api/v1/drain HTTP/1.1",
    `Host: ${admin.host}`,
    "Content-Type: application/json",
    "Transfer-Encoding: chunked",
    "Connection: close",
    "",
    "",
  ].join("\n");
  const chunk = `4000\n${" ".repeat(0x4000)}\n`;
  const small = await ask(admin, `${head}${chunk.repeat(3)}11\n{"deadline":"1s"}\n0\n\n`);
  assert.equal(small.status, 202);
  const large = await ask(admin, `${head}${chunk.repeat(5)}0\n\n`);
  assert.deepEqual([large.status, codeOf(large.text)], [413, "body_too_large"]);
  assert.deepEqual(admin.backend.drains, [1000]);
});

Deno.test("DELETE closes a connection by its id, once", async () => {
  await using admin = await fixture();
  const connections = `${admin.url}/api/v1/connections`;
  assert.deepEqual(JSON.parse((await outcome(`${connections}/1843`, order("DELETE"))).text), { id: 1843 });
  for (const id of ["1", "abc", "-1", "1.5", "1e3", "99999999999999999999", "%20"]) {
    const { status, code } = await outcome(`${connections}/${id}`, order("DELETE"));
    assert.deepEqual([status, code], [404, "no_such_connection"], id);
  }
  const withBody = await outcome(`${connections}/1843`, order("DELETE", { all: true }));
  assert.deepEqual([withBody.status, withBody.code], [400, "bad_body"]);
});

Deno.test("POST finds the endpoint by the path, percent-encoded where necessary", async () => {
  await using admin = await fixture();
  const upstreams = `${admin.url}/api/v1/upstreams`;
  const calls: unknown[] = [];
  admin.backend.setEndpoint = (...call) => void calls.push(call);
  const cases: [path: string, code: string, message: RegExp][] = [
    ["databases/10.0.0.7:3306", "no_such_endpoint", /"databases" has no endpoint "10.0.0.7:3306"/],
    ["databases/[::1]:3306", "no_such_endpoint", /no endpoint "\[::1\]:3306"/],
    ["a%2Fb%20c/unix%3A%2Frun%2Fdb.sock", "no_such_endpoint", /There is no upstream "a\/b c"/],
  ];
  for (const [path, code, message] of cases) {
    const got = await outcome(`${upstreams}/${path}`, order("POST", { state: "down" }));
    assert.deepEqual([got.status, got.code], [404, code]);
    assert.match(got.text, message);
  }
  assert.deepEqual(calls, [
    ["databases", "10.0.0.7:3306", "down"],
    ["databases", "[::1]:3306", "down"],
    ["a/b c", "unix:/run/db.sock", "down"],
  ]);
  for (const body of [undefined, {}, { state: "ejected" }, { state: "up", weight: 3 }]) {
    const got = await outcome(`${upstreams}/databases/10.0.0.7:3306`, order("POST", body));
    assert.deepEqual([got.status, got.code], [400, "bad_body"], JSON.stringify(body));
  }
});

Deno.test("POST /api/v1/reload returns what changed, or why it failed", async () => {
  await using admin = await fixture();
  const reload = () => outcome(`${admin.url}/api/v1/reload`, order("POST"));
  assert.deepEqual(JSON.parse((await reload()).text), { ok: true, detail: RELOADED });
  admin.backend.outcome = { ok: false, detail: 'mysql: Cannot read "x.pem"' };
  const bad = await reload();
  assert.deepEqual([bad.status, bad.code], [422, "not_reloaded"]);
  assert.equal(bad.text, 'mysql: Cannot read "x.pem"');
});

Deno.test("createAdminServer() answers a failure of the proxy without details, and logs it", async () => {
  const { log, lines } = recordingLog();
  await using admin = await fixture({ log });
  admin.backend.failure = new Error("secret detail");
  for (const path of ["/api/v1/status", "/api/v1/events"]) {
    const { status, code, text } = await outcome(admin.url + path);
    assert.deepEqual([status, code], [500, "internal_error"]);
    assert.doesNotMatch(text, /secret/);
  }
  assert.equal(lines.length, 2);
  assert.match(lines[0]!, /^error .*GET \/api\/v1\/status.*secret detail/s);
});

Deno.test("createAdminServer() logs changes with the client, without the query", async () => {
  const { log, lines } = recordingLog();
  await using admin = await fixture({ log });
  await outcome(`${admin.url}/api/v1/status`);
  await outcome(`${admin.url}/api/v1/connections/1843`, order("DELETE"));
  await outcome(`${admin.url}/api/v1/drain?token=hunter22`, order("POST"));
  assert.equal(lines.length, 2);
  assert.match(
    lines[0]!,
    /^info Admin request .*"DELETE \/api\/v1\/connections\/1843","status":200,"client":"127/,
  );
  assert.match(lines[1]!, /"POST \/api\/v1\/drain","status":400/);
});
