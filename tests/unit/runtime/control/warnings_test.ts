import assert from "node:assert/strict";
import { decodeConfig } from "../../../../src/config/decode.ts";
import { warningsOf } from "../../../../src/runtime/control/warnings.ts";

const TLS = { cert: "a.pem", key: "a.key" };

Deno.test("warningsOf() says that an upstream's certificate is not checked", () => {
  assert.deepEqual(warn({ upstream: "db:1", upstream_tls: { verify: false } }), [
    "a: the upstream's certificate is not checked (upstream_tls.verify is false)",
  ]);
});

Deno.test("warningsOf() names protocols that upgrade to TLS, for either side", () => {
  const protocols: [port: number, protocol: string][] = [
    [21, "FTP"],
    [25, "SMTP"],
    [110, "POP3"],
    [143, "IMAP"],
    [389, "LDAP"],
    [587, "SMTP"],
    [3306, "MySQL"],
    [5222, "XMPP"],
    [5432, "PostgreSQL"],
  ];
  for (const [port, protocol] of protocols) {
    const start = `a: db:${port} looks like ${protocol}, `;
    const [toClients, ...others] = warn({ upstream: `db:${port}`, tls: TLS });
    assert.ok(toClients?.startsWith(`${start}whose clients begin in plain text`), toClients);
    assert.deepEqual(others, []);
    const [toUpstream, ...more] = warn({ upstream: `db:${port}`, upstream_tls: {} });
    assert.ok(toUpstream?.startsWith(`${start}which begins in plain text`), toUpstream);
    assert.deepEqual(more, []);
    assert.equal(warn({ upstream: `db:${port}`, tls: TLS, upstream_tls: {} }).length, 2);
  }
});

Deno.test("warningsOf() says how to begin TLS inside a protocol, unless the configuration does", () => {
  for (const [port, starttls] of [[5432, "postgres"], [587, "smtp"], [143, "imap"]]) {
    const upstream = `db:${port}`;
    const remedy = new RegExp(`set "starttls: ${starttls}"`);
    assert.match(warn({ upstream, tls: TLS })[0]!, remedy);
    assert.match(warn({ upstream, upstream_tls: {} })[0]!, remedy);
    assert.deepEqual(warn({ upstream, tls: { ...TLS, starttls }, upstream_tls: { starttls } }), []);
  }
  const alpn = "postgresql";
  assert.deepEqual(warn({ upstream: "db:5432", tls: { ...TLS, alpn }, upstream_tls: { alpn } }), []);
  assert.equal(warn({ upstream: "db:3306", tls: { ...TLS, alpn } }).length, 1);
});

Deno.test("warningsOf() returns each warning once, and includes routes", () => {
  const routes = [
    { source_ip: "10.0.0.1", upstream: ["db1:3306", "db2:3306", "mail:25"] },
    { source_ip: "10.0.0.2", upstream: "db3:3306" },
  ];
  const warnings = warn({ routes, upstream: "web:80", tls: TLS });
  assert.deepEqual(warnings.map((each) => each.split(", whose")[0]), [
    "a: db1:3306 looks like MySQL",
    "a: mail:25 looks like SMTP",
  ]);
});

Deno.test("warningsOf() says that unix_mode does nothing without a socket file", () => {
  const services = [{ name: "a", listen: 5000, upstream: "web:80" }];
  const of = (listen: string) => warningsOf(decodeConfig({ admin: { listen, unix_mode: "0660" }, services }));
  assert.deepEqual(of("127.0.0.1:9000"), [
    "admin: unix_mode does nothing, 127.0.0.1:9000 has no socket file",
  ]);
  assert.deepEqual(of("unix:/run/a.sock"), []);
});

Deno.test("warningsOf() returns nothing for TLS that is passed through, or other ports", () => {
  assert.deepEqual(warn({ upstream: "db:5432" }), []);
  assert.deepEqual(warn({ upstream: "web:443", tls: TLS, upstream_tls: {} }), []);
  assert.deepEqual(
    warn({ upstream: "unix:/run/db.sock", tls: TLS, upstream_tls: { server_name: "db.internal" } }),
    [],
  );
});

Deno.test("warningsOf() says when threads cannot share a port", () => {
  const services = [{ name: "a", listen: 5000, upstream: "db:1" }];
  const of = (workers: number | "auto", system: typeof Deno.build.os) =>
    warningsOf(decodeConfig({ workers, services }), system);
  assert.deepEqual(of(4, "linux"), []);
  assert.deepEqual(of("auto", "linux"), []);
  for (const system of ["darwin", "windows", "freebsd"] as const) {
    assert.deepEqual(of(1, system), []);
    assert.deepEqual(of(4, system), [
      "workers: one thread runs in place of 4, more work on Linux only",
    ]);
    assert.equal(of("auto", system).length, 1);
  }
});

Deno.test("warningsOf() says once which block an address with a prefix means", () => {
  const block = "10.0.0.5/8 stands for all of 10.0.0.0/8 (write that, or 10.0.0.5 for it alone)";
  const upstream = "db:1";
  assert.deepEqual(
    warn({ upstream, allow: ["10.0.0.5/8", "10.0.0.5", "10.0.0.5/32", "0.0.0.0/0", "::/0"] }),
    [block],
  );
  assert.deepEqual(warn({ upstream, deny: "10.0.0.5/8", accept_proxy_protocol: { from: ["10.0.0.5/8"] } }), [
    block,
  ]);
  assert.deepEqual(warn({ upstream, routes: [{ source_ip: "2001:db8::1/32", upstream }] }), [
    "2001:db8::1/32 stands for all of 2001:db8::/32 (write that, or 2001:db8::1 for it alone)",
  ]);
});

function warn(service: object): string[] {
  return warningsOf(decodeConfig({ services: [{ name: "a", listen: 5000, ...service }] }));
}

Deno.test("warningsOf() says where the checks of ACME servers cannot come in", () => {
  const acme = { names: ["a.example.com"], agree_to_terms: true, storage: "acme" };
  const port = 'a: port 443 of the names must lead to one of its addresses, or acme needs "http"';
  const allow = 'a: allow must let in the checks of the ACME server, or acme needs "http"';
  assert.deepEqual(warn({ listen: 8443, allow: "10.0.0.0/8", tls: { acme }, upstream: "db:1" }), [
    port,
    allow,
  ]);
  assert.deepEqual(warn({ listen: "0.0.0.0:443", tls: { acme }, upstream: "db:1" }), []);
  const overHttp = { acme: { ...acme, http: "0.0.0.0:80" } };
  assert.deepEqual(warn({ listen: 8443, allow: "10.0.0.0/8", tls: overHttp, upstream: "db:1" }), []);
});
