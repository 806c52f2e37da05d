import assert from "node:assert/strict";
import fc from "fast-check";
import { ask, codeOf, type Fixture, fixture, get, order, outcome, recordingLog } from "./admin_fixture.ts";

const TOKEN = "correct-horse-battery";

/** The result of a GET with these header lines: the status, and the code of the error. */
async function verdict(admin: Fixture, path: string, ...lines: string[]): Promise<string> {
  const { status, text } = await ask(admin, get(path, ...lines));
  return status < 400 ? String(status) : `${status} ${codeOf(text)}`;
}

Deno.test("checkHost() allows IP addresses, localhost, the name in admin.listen, and those in admin.hosts", async () => {
  await using admin = await fixture({
    listen: { transport: "tcp", hostname: "LocalHost", port: 0 },
    hosts: ["proxy-1.example.com"],
  });
  const hosts = {
    "127.0.0.1": "200",
    "127.0.0.1:9901": "200",
    "10.1.2.3:80": "200",
    "[::1]": "200",
    "[2001:DB8::7]:9901": "200",
    "localhost": "200",
    "LOCALHOST:1": "200",
    "Proxy-1.Example.com:9901": "200",
    "evil.example": "421 host_not_allowed",
    "127.0.0.1.evil.example": "421 host_not_allowed",
    "localhost.evil.example": "421 host_not_allowed",
    "proxy-1.example.com.": "421 host_not_allowed",
    "a.proxy-1.example.com": "421 host_not_allowed",
    "evil.example@127.0.0.1": "400 bad_host",
    "127.0.0.1/x": "400 bad_host",
    "127.0.0.1?x": "400 bad_host",
    "127.0.0.1\\x": "400 bad_host",
    "127.0.0.1 x": "400 bad_host",
    "127.0.0.1:99999": "400 bad_host",
    "999.0.0.1": "400 bad_host",
    "": "400 bad_host",
  };
  for (const [host, expected] of Object.entries(hosts)) {
    for (const path of ["/healthz", "/api/v1/status", "/", "/none"]) {
      const wanted = expected === "200" && path === "/none" ? "404 not_found" : expected;
      assert.equal(await verdict(admin, path, `Host: ${host}`), wanted, `${host} ${path}`);
    }
  }
  assert.equal(await verdict(admin, "/healthz"), "400 bad_host");
});

Deno.test("checkHost() refuses every host name that is not listed", async () => {
  await using admin = await fixture();
  const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,8}[a-z0-9])?$/);
  const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."));
  await fc.assert(
    fc.asyncProperty(name.filter((text) => text !== "localhost"), async (host) => {
      assert.match(
        await verdict(admin, "/api/v1/status", `Host: ${host}`),
        /^421 host_not_allowed$|^400 bad_host$/,
      );
    }),
    { numRuns: 50 },
  );
});

Deno.test("checkOrigin() refuses requests of other sites' pages on every route", async () => {
  await using admin = await fixture({ hosts: ["admin.example"] });
  const own = `Host: ${admin.host}`;
  const cases: [lines: string[], expected: string][] = [
    [[own, `Origin: http://${admin.host}`], "200"],
    [[own, `Origin: https://${admin.host}`], "200"],
    [[own, `Origin: http://${admin.host}`, "Sec-Fetch-Site: same-origin"], "200"],
    [[own, "Sec-Fetch-Site: none"], "200"],
    // Another proxy terminates TLS, and the port is the default of the scheme.
    [["Host: admin.example", "Origin: https://admin.example"], "200"],
    [["Host: admin.example:443", "Origin: https://admin.example"], "200"],
    [["Host: admin.example:443", "Origin: http://admin.example"], "403 foreign_origin"],
    [[own, "Origin: http://evil.example"], "403 foreign_origin"],
    [[own, "Origin: http://127.0.0.1"], "403 foreign_origin"],
    [[own, "Origin: http://127.0.0.1:1"], "403 foreign_origin"],
    [[own, "Origin: null"], "403 foreign_origin"],
    [[own, "Origin: "], "403 foreign_origin"],
    [[own, `Origin: ftp://${admin.host}`], "403 foreign_origin"],
    [[own, `Origin: chrome-extension://${admin.host}`], "403 foreign_origin"],
    [[own, `Origin: http://${admin.host}, http://evil.example`], "403 foreign_origin"],
    [[own, "Sec-Fetch-Site: cross-site"], "403 foreign_origin"],
    [[own, "Sec-Fetch-Site: same-site"], "403 foreign_origin"],
    [[own, `Origin: http://${admin.host}`, "Sec-Fetch-Site: cross-site"], "403 foreign_origin"],
  ];
  for (const [lines, expected] of cases) {
    for (const path of ["/healthz", "/metrics", "/api/v1/status", "/"]) {
      assert.equal(await verdict(admin, path, ...lines), expected, `${path} ${lines}`);
    }
  }
  const drain = await outcome(`${admin.url}/api/v1/drain`, {
    method: "POST",
    headers: { origin: "http://evil.example" },
  });
  assert.deepEqual([drain.status, drain.code], [403, "foreign_origin"]);
  assert.deepEqual(admin.backend.drains, []);
});

Deno.test("createAdminServer() requires the token for the API and the metrics, but not for the page and the health", async () => {
  const { log, lines } = recordingLog();
  await using admin = await fixture({ token: TOKEN, log });
  const own = `Host: ${admin.host}`;
  for (const path of ["/healthz", "/readyz", "/", "/page.js"]) {
    assert.equal(await verdict(admin, path, own), "200", path);
  }
  const closed = ["metrics", "status", "services", "upstreams", "connections", "config", "events"];
  const credentials = {
    "": "401 unauthorized",
    "Bearer": "401 unauthorized",
    "Bearer wrong": "401 unauthorized",
    [`Bearer ${TOKEN}x`]: "401 unauthorized",
    [`Bearer ${TOKEN.slice(0, -1)}`]: "401 unauthorized",
    [`Bearer ${TOKEN.toUpperCase()}`]: "401 unauthorized",
    [`Basic ${TOKEN}`]: "401 unauthorized",
    [TOKEN]: "401 unauthorized",
  };
  for (const path of closed.map((name) => name === "metrics" ? "/metrics" : `/api/v1/${name}`)) {
    assert.equal(await verdict(admin, path, own), "401 unauthorized", path);
    assert.equal(await verdict(admin, `${path}?token=${TOKEN}`, own), "401 unauthorized", path);
    for (const [value, expected] of Object.entries(credentials)) {
      assert.equal(await verdict(admin, path, own, `Authorization: ${value}`), expected, `${path} ${value}`);
    }
  }
  assert.equal(await verdict(admin, "/api/v1/status", own, `Authorization: Bearer ${TOKEN}`), "200");
  assert.equal(await verdict(admin, "/metrics", own, `authorization: bearer  ${TOKEN}`), "200");

  const refused = await outcome(`${admin.url}/api/v1/drain`, order("POST", { deadline: 0 }));
  assert.deepEqual([refused.status, refused.headers.get("www-authenticate")], [401, 'Bearer realm="sluice"']);
  assert.deepEqual(admin.backend.drains, []);
  const headers = { authorization: `Bearer ${TOKEN}` };
  assert.equal((await outcome(`${admin.url}/api/v1/drain`, { method: "POST", headers })).status, 202);
  assert.deepEqual(admin.backend.drains, [undefined]);
  assert.equal(lines.length, 2);
  assert.doesNotMatch(lines.join(), new RegExp(TOKEN));
});
