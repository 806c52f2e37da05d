import assert from "node:assert/strict";
import { decodeConfig } from "../../../../src/config/decode.ts";
import { describeConfig } from "../../../../src/runtime/describe/describe.ts";

Deno.test("describeConfig() says in a line what a simple service does, with the adapter of each leg", () => {
  assert.deepEqual(
    describe({
      services: [
        { name: "a", listen: 5000, upstream: "db:5432" },
        {
          name: "b",
          listen: ["[::1]:5001", "unix:/run/b.sock"],
          upstream: "unix:/run/db.sock",
          reset: "pass",
        },
        { name: "c", listen: ":0", upstream: "db:5432", keepalive: "60s" },
      ],
    }),
    [
      "a: 127.0.0.1:5000 (deno) -> db:5432 (deno)",
      "b: [::1]:5001 (node:net), unix:/run/b.sock (deno) -> unix:/run/db.sock (deno)",
      "c: [::]:0 (node:net) -> db:5432 (node:net)",
    ],
  );
});

Deno.test("describeConfig() puts ports that follow each other together, and breaks long lines", () => {
  const listen = [
    ":7000-7010",
    7011,
    7012,
    0,
    0,
    "[::1]:8000",
    "unix:/run/a-long-name-of-a-socket.sock",
    9000,
  ];
  const lines = describe({ services: [{ name: "a", listen, upstream: "db:5432" }] });
  assert.deepEqual(lines, [
    "a: [::]:7000-7010 (deno), 127.0.0.1:7011-7012 (deno), 127.0.0.1:0 (deno), 127.0.0.1:0 (deno),",
    "    [::1]:8000 (deno), unix:/run/a-long-name-of-a-socket.sock (deno), 127.0.0.1:9000 (deno)",
    "  -> db:5432 (deno)",
  ]);
});

Deno.test("describeConfig() lists routes in their order, and what happens otherwise", () => {
  const routes = [
    { source_port: [40000, "41000-42000"], upstream: "a:1" },
    { source_ip: "10.0.0.0/8", listen_port: 5000, upstream: ["b:1", "unix:/run/b.sock"] },
    {
      source_port: [1, 2, 3, 4, 5, 6],
      source_ip: ["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"],
      upstream: "c:1",
    },
  ];
  const of = (service: object) =>
    describe({ services: [{ name: "a", listen: 5000, reset: "pass", ...service }] }).slice(0, 7);
  const refusing = of({ routes });
  assert.deepEqual(refusing, [
    "a: 127.0.0.1:5000 (node:net)",
    "  source_port 40000, 41000-42000                      -> a:1 (node:net)",
    "  source_ip 10.0.0.0/8 and listen_port 5000           -> a.routes[1] (node:net, deno)",
    "  source_port 1, 2, 3, 4 (and 2 more)",
    "  and source_ip 10.1.0.0/16, 10.2.0.0/16, 10.3.0.0/16 -> c:1 (node:net)",
    "  otherwise                                           -> refused",
    "group a.routes[1]: round_robin, up to 3 attempts in 10s",
  ]);
  assert.match(of({ routes, upstream: "d:1" })[5]!, /^ {2}otherwise +-> d:1 \(node:net\)$/);
  const caught = of({ routes: [...routes, { upstream: "d:1" }] });
  assert.match(caught[5]!, /^ {2}otherwise +-> d:1 \(node:net\)$/);
  assert.doesNotMatch(caught.join("\n"), /refused/);
});

Deno.test("describeConfig() lists groups with all their settings, and never what a check sends", () => {
  const lines = describe({
    upstreams: {
      pg: {
        endpoints: ["10.0.0.5:5432", {
          address: "10.0.0.66:5432",
          weight: 2,
          max_connections: 100,
          backup: true,
        }],
        retry: { attempts: 1, timeout: 0 },
        health_check: { send: "AUTH secret\r\n", expect: "+OK", proxy_protocol: "v2" },
        passive: {},
        pool: { mode: "reuse" },
        on_down: "close",
      },
      orders: {
        endpoints: ["_orders._tcp.internal"],
        discovery: { dns: "srv", server: "10.0.0.2" },
        pool: {},
      },
      names: { endpoints: ["db:1"], discovery: { dns: "a" } },
    },
    services: [{
      name: "a",
      listen: 5000,
      upstream: "pg",
      upstream_tls: { server_name: "db" },
    }, { name: "b", listen: 5001, upstream: "names" }],
  });
  assert.deepEqual(lines.slice(3), [
    "group pg: round_robin, 1 attempt, on_down close",
    "  10.0.0.5:5432   weight 1",
    "  10.0.0.66:5432  weight 2, max_connections 100, backup",
    "  health_check    interval 5s, timeout 2s, rise 2, fall 3, PROXY v2, TLS as a, send 13 B, expect 3 B",
    "  passive         failures 5, window 10s, eject 30s",
    "  pool            reuse, max_idle 8, max_idle_time 5s, quiet 50ms, max_uses 1000",
    "group orders (unused): round_robin, up to 3 attempts in 10s",
    "  _orders._tcp.internal  weight 1",
    "  pool                   warm, max_idle 8, max_idle_time 5s",
    "  discovery              dns srv, interval 10s, server 10.0.0.2:53",
    "group names: round_robin, up to 3 attempts in 10s",
    "  db:1       weight 1",
    "  discovery  dns a",
  ]);
});

Deno.test("describeConfig() says who may come in to a service and how much they get, and nothing that is off", () => {
  const lines = describe({
    limits: { connections: 10_000 },
    services: [
      {
        name: "a",
        listen: [5000, "unix:/run/a.sock"],
        accept_proxy_protocol: { from: ["10.0.0.0/8", "unix"] },
        allow: ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"],
        deny: "10.9.9.9",
        limits: {
          connections: 1_000,
          connections_per_client: 20,
          connects_per_second: { rate: 200, burst: 400 },
          connects_per_second_per_client: 0.5,
          upload: "10MB/s",
          download: "64KiB/s",
          when_full: "wait",
          lifetime: "12h",
        },
        peek: { max_bytes: "4KiB" },
        routes: [{ sni: ["b.example.com", "*.B.example.com"], alpn: "h2", upstream: "b:1" }],
        upstream: "c:1",
        send_proxy_protocol: "v2",
      },
      { name: "d", listen: 5001, upstream: "c:1", limits: { connections: 5, lifetime: 0 } },
    ],
  });
  assert.deepEqual(lines, [
    "all services: connections 10000",
    "a: 127.0.0.1:5000 (deno), unix:/run/a.sock (deno)",
    "  accept_proxy_protocol  from 10.0.0.0/8, unix, timeout 3s",
    "  allow                  10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4 (and 1 more)",
    "  deny                   10.9.9.9",
    "  limits                 connections 1000 (when_full wait), connections_per_client 20,",
    "                         connects_per_second 200 (burst 400),",
    "                         connects_per_second_per_client 0.5 (burst 1), upload 10MB/s,",
    "                         download 64KiB/s, lifetime 12h",
    "  peek                   timeout 3s, max_bytes 4KiB",
    "  send_proxy_protocol    v2",
    "  sni b.example.com, *.b.example.com and alpn h2 -> b:1 (deno)",
    "  otherwise                                      -> c:1 (deno)",
    "d: 127.0.0.1:5001 (deno) -> c:1 (deno)",
    "  limits  connections 5 (when_full refuse)",
  ]);
});

Deno.test("describeConfig() shows TLS either way, and the API that does it on each leg", () => {
  const lines = describe({
    services: [
      {
        name: "a",
        listen: [5000, "unix:/run/a.sock"],
        tls: {
          certificates: [{ cert: "/c/a.pem", key: "/c/a.key" }, { cert: "/c/b.pem", key: "/c/b.key" }],
          client_ca: "/c/ca.pem",
          client_auth: "request",
          alpn: ["h2", "http/1.1"],
          min_version: 1.3,
          handshake_timeout: "3s",
        },
        routes: [{ sni: "b.example.com", upstream: ["b:1", "unix:/run/b.sock"] }],
        upstream: "c:1",
        send_proxy_protocol: "v2",
        upstream_tls: {
          ca: "/c/up.pem",
          cert: "/c/me.pem",
          key: "/c/me.key",
          server_name: "c.d",
          alpn: "h2",
        },
        source_address: "10.0.0.3",
      },
      {
        name: "b",
        listen: 5001,
        tls: { cert: "/c/a.pem", key: "/c/a.key", engine: "deno" },
        upstream: "c:1",
        upstream_tls: { verify: false },
      },
      {
        name: "c",
        listen: 5002,
        tls: { cert: "/c/a.pem", key: "/c/a.key" },
        upstream: "c:1",
        reset: "pass",
        upstream_tls: {},
      },
    ],
  });
  assert.deepEqual(lines.slice(0, 15), [
    "a: 127.0.0.1:5000 (deno, node:tls), unix:/run/a.sock (deno, node:tls)",
    "  tls                  /c/a.pem, /c/b.pem, client_ca /c/ca.pem, client_auth request,",
    "                       alpn h2, http/1.1, min_version 1.3, handshake_timeout 3s",
    "  send_proxy_protocol  v2",
    "  upstream_tls         ca /c/up.pem, cert /c/me.pem, server_name c.d, alpn h2",
    "  source_address       10.0.0.3",
    "  sni b.example.com -> a.routes[0] (node:net, deno, node:tls)",
    "  otherwise         -> c:1 (node:net, node:tls)",
    "b: 127.0.0.1:5001 (Deno.listenTls) -> c:1 (deno, node:tls)",
    "  tls           /c/a.pem, min_version 1.2, handshake_timeout 10s",
    "  upstream_tls  verify false (any certificate is accepted)",
    "c: 127.0.0.1:5002 (node:net, node:tls) -> c:1 (node:net, node:tls)",
    "  tls           /c/a.pem, min_version 1.2, handshake_timeout 10s",
    "  upstream_tls  ca of Deno",
    "group a.routes[0]: round_robin, up to 3 attempts in 10s",
  ]);
});

Deno.test("describeConfig() shows the access log and the admin interface, and never its token", () => {
  const of = (document: object) =>
    describe({ ...document, services: [{ name: "a", listen: 5000, upstream: "db:5432" }] }).slice(0, -1);
  const token = "correct-horse-battery";
  const hosts = ["a.internal", "b.internal"];
  assert.deepEqual(of({ log: { access: {} } }), []);
  assert.deepEqual(of({ log: { format: "json" } }), []);
  assert.deepEqual(of({ log: { access: { path: "/log/a", sample: 0.1 } }, limits: { connections: 5 } }), [
    "access log: /log/a, text, sample 0.1",
    "all services: connections 5",
  ]);
  assert.deepEqual(of({ log: { access: { sample: 0.5 } }, admin: { listen: "9000" } }), [
    "access log: stderr, text, sample 0.5",
    "admin: 127.0.0.1:9000",
  ]);
  assert.deepEqual(of({ admin: { listen: ":9000", token, hosts } }), [
    "admin: [::]:9000, token ***, hosts a.internal, b.internal",
  ]);
});

Deno.test("describeConfig() shows threads, reload and shutdown, where they are not as usual", () => {
  const of = (document: object) =>
    describe({ ...document, services: [{ name: "a", listen: 5000, upstream: "db:5432" }] }).slice(0, -1);
  assert.deepEqual(of({ workers: 1, shutdown: { drain: "5s", delay: 0 }, reload: { watch: false } }), []);
  assert.deepEqual(of({ workers: "auto" }), ["threads: one per CPU"]);
  assert.deepEqual(
    of({
      workers: 4,
      admin: { listen: 9000 },
      limits: { connections: 5 },
      reload: { watch: true },
      shutdown: { delay: "1m30s" },
    }),
    [
      "threads: 4",
      "admin: 127.0.0.1:9000",
      "all services: connections 5",
      "reload: on SIGHUP, and when the file changes",
      "shutdown: delay 1m30s, drain 30s",
    ],
  );
});

Deno.test("describeConfig() breaks a condition that is too long for a line", () => {
  const names = ["one", "two", "three", "four", "five"].map((word) => `${word}.shop.example.com`);
  const routes = [{ sni: names, alpn: ["h2", "http/1.1"], upstream: "b:1" }];
  assert.deepEqual(describe({ services: [{ name: "a", listen: 5000, routes }] }).slice(2), [
    "  sni one.shop.example.com, two.shop.example.com,",
    "      three.shop.example.com,",
    "      four.shop.example.com (and 1 more)",
    "  and alpn h2, http/1.1 -> b:1 (deno)",
    "  otherwise             -> refused",
  ]);
});

function describe(document: unknown): string[] {
  return describeConfig(decodeConfig(document));
}
