/** PostgreSQL with TLS that begins inside its protocol: towards clients, towards the server, both, and neither. */

import assert from "node:assert/strict";
import { Client, type ClientConfig } from "npm:pg@8.23.1";
import { CertificateAuthority, type KeyPair } from "../../support/certificates.ts";
import { interopTest, type Output, run, spawn } from "../../support/interop.ts";
import { Sluice } from "../../support/program/program.ts";
import {
  POSTGRES_AND_PGBENCH,
  POSTGRES_WITH_TLS,
  queryWith,
  startPostgres,
  to,
} from "../servers/postgres.ts";

const NAME = "db.test";
const IS_ENCRYPTED = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

for (const clients of [true, false]) {
  for (const upstream of [true, false]) {
    const sides = `${clients ? "with" : "without"} TLS of clients, ${
      upstream ? "with" : "without"
    } that of the server`;
    interopTest(`PostgreSQL ${sides}: psql by every sslmode`, POSTGRES_WITH_TLS, async (stack) => {
      const { sluice, authority, stranger } = await start(stack, { clients, upstream });
      const psql = (settings: string) => attempt(sluice, settings);
      const trusted = `sslrootcert=${authority.cert}`;
      for (const mode of ["disable", "allow", "prefer", "require"]) {
        const result = await psql(`host=${NAME} sslmode=${mode} ${trusted}`);
        // The TLS of clients is between client and proxy; through a proxy without it, between client and server.
        const answer = upstream || !clients && mode !== "disable" && mode !== "allow" ? "t\n" : "f\n";
        if (clients && mode === "disable") {
          assert.match(result, /FATAL: {2}this server accepts connections with TLS only/);
        } // The server has no TLS to let through.
        else if (!clients && mode === "require" && upstream) {
          assert.match(result, /server does not support SSL/);
        } else assert.equal(result, answer, mode);
      }
      if (!clients) return;
      const full = `host=${NAME} sslmode=verify-full`;
      assert.equal(await psql(`host=other.test sslmode=verify-ca ${trusted}`), upstream ? "t\n" : "f\n");
      assert.equal(await psql(`${full} ${trusted}`), upstream ? "t\n" : "f\n");
      assert.match(await psql(`${full} sslrootcert=${stranger.cert}`), /certificate verify failed/);
      const other = await psql(`host=other.test sslmode=verify-full ${trusted}`);
      assert.match(other, /server certificate for "db\.test" does not match host name "other\.test"/);
    });
  }
}

interopTest(
  "PostgreSQL: pgbench with TLS on both sides has no failed transaction, and new certificates lose none",
  POSTGRES_AND_PGBENCH,
  async (stack) => {
    const { sluice, authority, pair } = await start(stack, { clients: true, upstream: true });
    const connection = to(sluice.port());
    await run("pgbench", [...connection, "--initialize", "--quiet", "postgres"]);
    const load = ["--no-vacuum", "--connect", "--client=4", "--transactions=60"];
    const running = run("pgbench", [...connection, ...load, "postgres"]);
    for (let swap = 0; swap < 3; swap++) {
      const next = await authority.issue({ name: NAME });
      await Deno.copyFile(next.key, pair.key);
      await Deno.copyFile(next.cert, pair.cert);
      await sluice.loggedEvents("certificate_reloaded", swap + 1);
    }
    const { text, stderr } = await running;
    assert.match(text, /transactions actually processed: 240\/240/);
    assert.doesNotMatch(stderr, /error|fatal/i);
  },
);

for (const encrypted of [true, false]) {
  const name = `PostgreSQL: Ctrl-C in psql ends a statement ${
    encrypted ? "with" : "without"
  } TLS towards the server`;
  interopTest(name, POSTGRES_WITH_TLS, async (stack) => {
    const { sluice } = await start(stack, { clients: true, upstream: encrypted });
    const args = queryWith(sluice.port(), `host=${NAME} sslmode=require`, "SELECT pg_sleep(60)");
    const psql = spawn("psql", args);
    await untilSleeping(sluice);
    psql.kill("SIGINT");
    const { stderr } = await psql.output();
    assert.match(new TextDecoder().decode(stderr), /canceling statement due to user request/);
    // The request to cancel comes on a connection of its own, in plain text.
    const isPlain = () => sluice.events("connection_closed").some(({ tls }) => tls === undefined);
    for (let count = 1; !isPlain(); count++) await sluice.loggedEvents("connection_closed", count);
  });
}

interopTest(
  "PostgreSQL: node-postgres, asking for TLS and beginning with it",
  POSTGRES_WITH_TLS,
  async (stack) => {
    const { sluice, authority, stranger } = await start(stack, { clients: true, upstream: true });
    const connect = async (config: ClientConfig & { sslnegotiation?: "direct" }) => {
      const client = new Client({
        host: "127.0.0.1",
        port: sluice.port(),
        user: "test",
        database: "postgres",
        ...config,
      });
      try {
        await client.connect();
        return (await client.query(IS_ENCRYPTED)).rows[0].ssl;
      } finally {
        await client.end();
      }
    };
    const ssl = { ca: await Deno.readTextFile(authority.cert), servername: NAME };
    assert.equal(await connect({ ssl }), true);
    assert.equal(await connect({ ssl, sslnegotiation: "direct" }), true);
    await assert.rejects(
      connect({ ssl: { ...ssl, ca: await Deno.readTextFile(stranger.cert) } }),
      /certificate/,
    );
    await assert.rejects(connect({ ssl: { ...ssl, servername: "other.test" } }), /other\.test/);
    await assert.rejects(connect({ ssl: false }), /this server accepts connections with TLS only/);
    await sluice.loggedEvents("connection_refused", 3);
    const closed = sluice.events("connection_closed");
    assert.deepEqual(closed.map(({ alpn }) => alpn), [undefined, "postgresql"]);
    const refused = sluice.events("connection_refused");
    assert.equal(refused.at(-1)!.detail, "The client did not ask for TLS");
  },
);

interopTest(
  "PostgreSQL: certificates of clients, and clients without TLS where they may be",
  POSTGRES_WITH_TLS,
  async (stack) => {
    const { sluice, authority } = await start(stack, {
      clients: true,
      tls: ({ cert }) => [`client_ca: "${cert}"`],
    });
    const alice = await authority.issue({ name: "alice", usage: "clientAuth" });
    const own = `sslcert=${alice.cert} sslkey=${alice.key}`;
    assert.equal(await attempt(sluice, `host=${NAME} sslmode=require ${own}`), "f\n");
    assert.notEqual(await attempt(sluice, `host=${NAME} sslmode=require`), "f\n");
    const [line] = await sluice.loggedEvents("connection_closed", 1);
    assert.match(String(line!.client_subject), /CN=alice/);

    const open = await start(stack, { clients: true, tls: () => ["required: false"] });
    for (const mode of ["disable", "allow", "prefer", "require"]) {
      assert.equal(await attempt(open.sluice, `host=${NAME} sslmode=${mode}`), "f\n");
    }
    const versions = (await open.sluice.loggedEvents("connection_closed", 4)).map(({ tls }) => tls);
    assert.deepEqual(versions.map((version) => version !== undefined), [false, false, true, true]);
  },
);

interopTest(
  "PostgreSQL: the server name routes, in requests for TLS and without one",
  POSTGRES_WITH_TLS,
  async (stack) => {
    const other = await startPostgres(stack);
    const { sluice, port } = await start(stack, {
      clients: true,
      tls: () => ["required: false"],
      service: [`routes: [{ sni: other.test, upstream: "127.0.0.1:${other.port}" }]`],
    });
    const portOf = (settings: string) => attempt(sluice, settings, "SELECT inet_server_port()");
    assert.equal(await portOf("host=other.test sslmode=require"), `${other.port}\n`);
    assert.equal(await portOf(`host=${NAME} sslmode=require`), `${port}\n`);
    assert.equal(await portOf("host=other.test sslmode=disable"), `${port}\n`);
  },
);

interopTest(
  "PostgreSQL: with SCRAM, channel binding needs the server's own certificate at the proxy",
  POSTGRES_WITH_TLS,
  async (stack) => {
    const access = ["host all all all scram-sha-256"];
    const same = await start(stack, { clients: true, upstream: true, access, sharesCertificate: true });
    const different = await start(stack, { clients: true, upstream: true, access });
    const plain = await start(stack, { clients: true, access });
    const settings = `host=${NAME} sslmode=require password=secret`;
    assert.equal(await attempt(same.sluice, settings), "t\n");
    assert.match(await attempt(different.sluice, settings), /SCRAM channel binding check failed/);
    assert.equal(await attempt(different.sluice, `${settings} channel_binding=disable`), "t\n");
    assert.equal(await attempt(plain.sluice, settings), "f\n");
  },
);

interopTest(
  "PostgreSQL: a server without TLS is refused, checked and logged as such",
  POSTGRES_WITH_TLS,
  async (stack) => {
    const postgres = await startPostgres(stack);
    const sluice = stack.use(
      await Sluice.withConfig(`
log: { format: json }
upstreams: { pg: { endpoints: ["127.0.0.1:${postgres.port}"], health_check: { interval: 100ms, fall: 1 } } }
services: [{ name: test, listen: "127.0.0.1:0", upstream: pg, upstream_tls: { starttls: postgres, verify: false } }]
`),
    );
    const [down] = await sluice.loggedEvents("endpoint_down", 1);
    assert.equal(down!.cause, "refused TLS");
    assert.match(await attempt(sluice, "sslmode=disable"), /server closed the connection unexpectedly/);
    const [line] = await sluice.loggedEvents("connection_failed", 1);
    assert.equal(line!.code, "tls_refused");
    assert.equal(line!.detail, 'The upstream answered the SSLRequest with "N": it offers no TLS here');
  },
);

interopTest(
  "PostgreSQL: warm pools, health checks and PROXY headers, from proxy to proxy",
  POSTGRES_WITH_TLS,
  async (stack) => {
    const { sluice, authority } = await start(stack, {
      clients: true,
      upstream: true,
      service: ["accept_proxy_protocol: { from: 127.0.0.1 }"],
    });
    const [ca, port] = [authority.cert, sluice.port()];
    const outer = stack.use(
      await Sluice.withConfig(`
log: { format: json }
upstreams:
  pg: { endpoints: ["127.0.0.1:${port}"], health_check: { interval: 200ms }, pool: { max_idle: 2 } }
services:
  - name: test
    listen: 127.0.0.1:0
    upstream: pg
    send_proxy_protocol: v2
    upstream_tls: { starttls: postgres, ca: "${ca}", server_name: ${NAME} }
`),
    );
    for (let count = 0; count < 3; count++) assert.equal(await attempt(outer, "sslmode=disable"), "t\n");
  },
);

interopTest(
  "PostgreSQL by name: TLS passes through or ends at the proxy, by the server that the client asks for",
  POSTGRES_WITH_TLS,
  async (stack) => {
    const authority = stack.use(await CertificateAuthority.create());
    const passed = await startPostgres(stack, {
      tls: await authority.issue({ name: "passed.test" }),
      access: ["hostssl all all all scram-sha-256"],
      password: "secret",
    });
    const ended = await startPostgres(stack);
    const { cert, key } = await authority.issue({ name: "ended.test" });
    const sluice = stack.use(
      await Sluice.withConfig(`
log: { format: json }
services:
  - name: test
    listen: 127.0.0.1:0
    peek: { starttls: postgres }
    routes:
      - { sni: passed.test, upstream: { endpoints: ["127.0.0.1:${passed.port}"], pool: { max_idle: 2 } } }
      - { sni: ended.test, tls: { cert: "${cert}", key: "${key}", starttls: postgres }, upstream: "127.0.0.1:${ended.port}" }
      - { sni: plain.test, upstream: "127.0.0.1:${ended.port}" }
`),
    );
    const portOf = (settings: string) => attempt(sluice, settings, "SELECT inet_server_port()");
    const full = `sslmode=verify-full sslrootcert=${authority.cert} password=secret`;
    // Channel binding works, as TLS is between client and server.
    for (let count = 0; count < 3; count++) {
      assert.equal(await portOf(`host=passed.test ${full} channel_binding=require`), `${passed.port}\n`);
    }
    assert.equal(await portOf(`host=ended.test ${full}`), `${ended.port}\n`);
    // This server has no TLS, and sluice has already asked the client to begin it.
    assert.match(await portOf(`host=plain.test ${full}`), /connection to server .* failed/);
    const [failed] = await sluice.loggedEvents("connection_failed", 1);
    assert.match(String(failed!.detail), /"N": it offers no TLS here/);
    assert.match(await portOf("host=other.test sslmode=require"), /connection to server .* failed/);
    await sluice.loggedEvents("connection_refused", 1);
  },
);

interopTest(
  "PostgreSQL by name: without TLS, clients go where those without a name go, and so does Ctrl-C",
  POSTGRES_WITH_TLS,
  async (stack) => {
    const authority = stack.use(await CertificateAuthority.create());
    const { port } = await startPostgres(stack, { tls: await authority.issue({ name: NAME }) });
    const sluice = stack.use(
      await Sluice.withConfig(`
log: { format: json }
services:
  - name: test
    listen: 127.0.0.1:0
    peek: { starttls: postgres }
    routes: [{ sni: unused.test, upstream: "127.0.0.1:1" }]
    upstream: "127.0.0.1:${port}"
`),
    );
    assert.equal(await attempt(sluice, "sslmode=disable"), "f\n");
    const full = `host=${NAME} sslmode=verify-full sslrootcert=${authority.cert}`;
    assert.equal(await attempt(sluice, full), "t\n");
    const psql = spawn("psql", queryWith(sluice.port(), full, "SELECT pg_sleep(60)"));
    await untilSleeping(sluice);
    psql.kill("SIGINT");
    const { stderr } = await psql.output();
    assert.match(new TextDecoder().decode(stderr), /canceling statement due to user request/);
  },
);

interopTest(
  "PostgreSQL beside others on one port: TLS ends at its route",
  POSTGRES_WITH_TLS,
  async (stack) => {
    const authority = stack.use(await CertificateAuthority.create());
    const { cert, key } = await authority.issue({ name: NAME });
    const { port } = await startPostgres(stack);
    const sluice = stack.use(
      await Sluice.withConfig(`
services:
  - name: test
    listen: 127.0.0.1:0
    routes:
      - { protocol: postgres, tls: { cert: "${cert}", key: "${key}", starttls: postgres }, upstream: "127.0.0.1:${port}" }
      - { protocol: http, upstream: "127.0.0.1:1" }
`),
    );
    const full = `host=${NAME} sslmode=verify-full sslrootcert=${authority.cert}`;
    assert.equal(await attempt(sluice, full), "f\n");
    assert.match(await attempt(sluice, "sslmode=disable"), /accepts connections with TLS only/);
  },
);

interface Options {
  /** Whether the proxy begins TLS with clients, and with the server. */
  readonly clients?: boolean;
  readonly upstream?: boolean;
  /** More YAML flow entries of `tls`, and of the service. */
  readonly tls?: (authority: CertificateAuthority) => string[];
  readonly service?: string[];
  readonly access?: string[];
  readonly sharesCertificate?: boolean;
}

interface Started {
  readonly sluice: Sluice;
  readonly authority: CertificateAuthority;
  readonly stranger: CertificateAuthority;
  /** Of the proxy. */
  readonly pair: KeyPair;
  /** Of the server. */
  readonly port: number;
}

/** The server has TLS, and takes connections with it alone where the proxy begins it. */
async function start(stack: AsyncDisposableStack, options: Options): Promise<Started> {
  const { clients = false, upstream = false, tls = () => [], service = [], sharesCertificate = false } =
    options;
  const authority = stack.use(await CertificateAuthority.create());
  const stranger = stack.use(await CertificateAuthority.create("Other CA"));
  const pair = await authority.issue({ name: NAME });
  const own = sharesCertificate ? pair : await authority.issue({ name: NAME });
  const { access = [`${upstream ? "hostssl" : "host"} all all all trust`] } = options;
  const { port } = await startPostgres(stack, { tls: own, access, password: "secret" });
  const entries = [
    `upstream: "127.0.0.1:${port}"`,
    ...clients
      ? [
        `tls: { ${
          [`cert: "${pair.cert}", key: "${pair.key}", starttls: postgres`, ...tls(authority)].join(", ")
        } }`,
      ]
      : [],
    ...upstream
      ? [`upstream_tls: { starttls: postgres, ca: "${authority.cert}", server_name: ${NAME} }`]
      : [],
    ...service,
  ];
  const yaml = `log: { format: json }\nservices: [{ name: test, listen: "127.0.0.1:0", ${
    entries.join(", ")
  } }]\n`;
  return { sluice: stack.use(await Sluice.withConfig(yaml)), authority, stranger, pair, port };
}

/** What psql prints: the result, or why there is none. */
async function attempt(sluice: Sluice, settings: string, sql = IS_ENCRYPTED): Promise<string> {
  const done: Output | Error = await run("psql", queryWith(sluice.port(), settings, sql)).catch((error) =>
    error
  );
  return done instanceof Error ? done.message : done.text;
}

async function untilSleeping(sluice: Sluice): Promise<void> {
  const count = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
  while (await attempt(sluice, `host=${NAME} sslmode=require`, count) !== "1\n");
}
