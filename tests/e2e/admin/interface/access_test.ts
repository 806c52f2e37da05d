/** The clients that the admin interface of the program admits, and what it shows them. */

import assert from "node:assert/strict";
import { Admin, type Answer } from "../../../support/program/admin.ts";
import { Sluice } from "../../../support/program/program.ts";
import { connect, readAll, writeText } from "../../../support/peers/sockets.ts";

const TOKEN = "correct-horse-battery";

const CONFIG = `
admin: { listen: 127.0.0.1:0, token: "${TOKEN}", hosts: proxy.internal }
upstreams:
  group:
    endpoints: ["127.0.0.1:1"]
    health_check: { send: "AUTH open-sesame\\r\\n", expect: "+OK" }
services: [{ name: test, listen: 0, upstream: group }]
`;

/** Whether a request may see the state, by its headers. */
const HEADERS: readonly { readonly headers: Record<string, string>; readonly code: string }[] = [
  { headers: {}, code: "" },
  { headers: { host: "localhost:1" }, code: "" },
  { headers: { host: "[::1]" }, code: "" },
  { headers: { host: "proxy.internal:9000" }, code: "" },
  { headers: { host: "evil.test" }, code: "host_not_allowed" },
  { headers: { host: "127.0.0.1.evil.test" }, code: "host_not_allowed" },
  { headers: { host: "localhost.evil.test" }, code: "host_not_allowed" },
  { headers: { host: "127.0.0.1@evil.test" }, code: "bad_host" },
  { headers: { host: "proxy.internal", origin: "http://proxy.internal" }, code: "" },
  { headers: { origin: "http://evil.test" }, code: "foreign_origin" },
  { headers: { origin: "null" }, code: "foreign_origin" },
  { headers: { "sec-fetch-site": "cross-site" }, code: "foreign_origin" },
  { headers: { authorization: "Bearer correct-horse-batterx" }, code: "unauthorized" },
  { headers: { authorization: `Bearer ${TOKEN}x` }, code: "unauthorized" },
  { headers: { authorization: `Basic ${TOKEN}` }, code: "unauthorized" },
  { headers: { authorization: "" }, code: "unauthorized" },
];

Deno.test("admin refuses every request with a foreign Host or Origin, or without the right token", async () => {
  await using sluice = await Sluice.withConfig(CONFIG);
  for (const { headers, code } of HEADERS) {
    const admin = new Admin(sluice, { authorization: `Bearer ${TOKEN}`, ...headers });
    const shown = JSON.stringify(headers);
    assert.equal(codeOf(await admin.ask("GET", "/api/v1/status")), code, shown);
    assert.equal(codeOf(await admin.ask("GET", "/metrics")), code, shown);
    const killed = codeOf(await admin.ask("DELETE", "/api/v1/connections/1"));
    assert.equal(killed, code || "no_such_connection", shown);
    if (code === "") continue;
    // A refused request has no effect.
    assert.equal(codeOf(await admin.ask("POST", "/api/v1/drain", {})), code, shown);
    const admitted = new Admin(sluice, { authorization: `Bearer ${TOKEN}` });
    assert.equal((await admitted.status()).state, "running");
  }
});

Deno.test("/healthz and /readyz need no token, but an allowed Host", async () => {
  await using sluice = await Sluice.withConfig(CONFIG);
  for (const path of ["/healthz", "/readyz", "/"]) {
    const open = await new Admin(sluice).ask("GET", path);
    assert.ok([200, 503].includes(open.status), `${path}: ${open.status}`);
    const foreign = await new Admin(sluice, { host: "evil.test" }).ask("GET", path);
    assert.equal(codeOf(foreign), "host_not_allowed");
  }
});

Deno.test("/api/v1/config shows the complete configuration, with secrets masked", async () => {
  await using sluice = await Sluice.withConfig(CONFIG);
  const admin = new Admin(sluice, { authorization: `Bearer ${TOKEN}` });
  const { text } = await admin.ask("GET", "/api/v1/config");
  const { admin: shown, services } = JSON.parse(text);
  assert.equal(shown.token, "***");
  assert.equal(services[0].name, "test");
  for (const secret of [TOKEN, "open-sesame"]) assert.ok(!text.includes(secret), text);
  await sluice.stop();
  for (const secret of [TOKEN, "open-sesame"]) assert.ok(!sluice.stderr.includes(secret), sluice.stderr);
});

Deno.test("admin answers a malformed request with an error that names the mistake, and changes nothing", async () => {
  await using sluice = await Sluice.withConfig(CONFIG);
  const admin = new Admin(sluice, { authorization: `Bearer ${TOKEN}` });
  assert.equal(codeOf(await admin.ask("GET", "/api/v1/service")), "not_found");
  assert.equal(codeOf(await admin.ask("POST", "/api/v1/services")), "method_not_allowed");
  assert.equal(codeOf(await admin.ask("GET", "/api/v1/connections?limit=1e9")), "bad_query");
  assert.equal(codeOf(await admin.ask("POST", "/api/v1/drain", "10s")), "bad_body");
  assert.equal(codeOf(await admin.ask("POST", "/api/v1/drain", { x: "y".repeat(70_000) })), "body_too_large");
  const drain = `POST /api/v1/drain HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\n`;
  const form = "Content-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
  assert.match(await raw(sluice, drain + form), /^HTTP\/1\.1 415 [^]*"not_json"/);
  assert.match(
    await raw(sluice, drain + form.replace("text/plain", "application/json").replace("{}", "{]")),
    /"bad_json"/,
  );
  assert.match(await raw(sluice, "\x16\x03\x01 no HTTP\r\n\r\n"), /^(HTTP\/1\.1 400 |$)/);
  assert.equal((await admin.status()).state, "running");
});

async function raw(sluice: Sluice, text: string): Promise<string> {
  using conn = await connect(Number(/\d+$/.exec(sluice.ready.admin!)![0]));
  await writeText(conn, text);
  return new TextDecoder().decode(await readAll(conn));
}

/** The code of an error; empty for any other answer. */
function codeOf({ status, text }: Answer): string {
  return status < 400 ? "" : JSON.parse(text).error.code;
}
