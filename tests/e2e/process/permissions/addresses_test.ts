/** Rows of the table in docs/security.md about addresses: each flag is enough, and needed. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { CertificateAuthority, OPENSSL } from "../../../support/certificates.ts";
import { answeringServer, NamedServer } from "../../../support/peers/named_server.ts";
import { echo } from "../../../support/peers/sockets.ts";
import {
  type Attempt,
  complains,
  documentedFlags,
  together,
  works,
} from "../../../support/program/narrow.ts";
import { Sluice } from "../../../support/program/program.ts";
import { DNSMASQ, DnsServer } from "../../../support/servers/dns_server.ts";
import { FakeConsul } from "../../../support/servers/fake_consul.ts";
import { FakeKubernetes } from "../../../support/servers/fake_kubernetes.ts";
import { adding, missingOf, needs, relays, type Setup, speak, test } from "./permissions_fixture.ts";

const NO_UNIX = Deno.build.os === "windows" ? "Unix" : undefined;

for (const more of ["", ", reset: pass"]) {
  test(`listening${more}`, async (setup) => {
    const before = documentedFlags("the configuration, lists", {
      FOLDER: setup.always.get("--allow-read")![0]!,
    });
    const attempt = await setup.attempt(setup.service({ more }), {
      before,
      tried: setup.relaying,
      use: relays,
    });
    await needs(attempt, { "--allow-net": adding("127.0.0.1:0", "net") });
  });

  test(`an upstream by IP address${more}`, async (setup) => {
    const attempt = await setup.attempt(setup.service({ more }), {
      before: setup.always,
      tried: setup.upstreamFlags,
      use: relays,
    });
    await needs(attempt, { "--allow-net": adding(setup.server.address, "net") });
  });

  test(`an upstream by host name${more}`, async (setup) => {
    const attempt = await setup.attempt(setup.service({ to: `localhost:${setup.server.port}`, more }), {
      before: setup.always,
      tried: documentedFlags("an upstream by host name", {
        NAME: "localhost",
        PORT: String(setup.server.port),
      }),
      use: relays,
    });
    await needs(attempt, { "--allow-net": adding(`localhost:${setup.server.port}`, "net") });
  });
}

test("an upstream on a unix socket", async (setup) => {
  const path = join(setup.folder, "db.sock");
  const server = Deno.listen({ transport: "unix", path });
  const serve = async () => {
    using conn = await server.accept();
    await echo(conn as unknown as Deno.Conn);
  };
  // Only a program with all permissions connects; without one, the accept ends with the listener.
  const served = serve().catch(() => {});
  setup.stack.defer(() => served);
  setup.stack.defer(() => server.close());
  const attempt = await setup.attempt(setup.service({ to: `unix:${path}` }), {
    before: setup.always,
    tried: documentedFlags("an upstream on a unix socket", { FILE: path }),
    use: relays,
  });
  await needs(attempt, {
    "--allow-net": adding(`unix:${path}`, "net"),
    "--allow-read": adding(path, "read"),
    "--allow-write": adding(path, "write"),
  });
}, NO_UNIX);

test("a unix socket that sluice listens on", async (setup) => {
  const path = join(setup.folder, "db.sock");
  const attempt = await setup.attempt(setup.service({ listen: `unix:${path}` }), {
    before: setup.relaying,
    tried: documentedFlags("a unix socket that sluice listens on", { FILE: path, FOLDER: setup.folder }),
    use: async () => {
      using client = await Deno.connect({ transport: "unix", path });
      await speak(client);
    },
  });
  await needs(attempt, {
    "--allow-net": adding(`unix:${path}`, "net"),
    "--allow-read": adding(setup.folder, "read"),
    "--allow-write": adding(path, "write"),
  });
}, NO_UNIX);

test("a take-over of a unix socket", async (setup) => {
  const [path, admin] = ["db.sock", "admin.sock"].map((name) => join(setup.folder, name)) as [string, string];
  const rows = [path, admin].map((file) =>
    documentedFlags("a unix socket that sluice listens on", { FILE: file, FOLDER: setup.folder })
  );
  const yaml = `admin: { listen: "unix:${admin}" }\n${setup.service({ listen: `unix:${path}` })}`;
  const attempt = await setup.attempt(yaml, {
    args: ["--take-over"],
    before: together(setup.relaying, ...rows, new Map([["--allow-write", [setup.folder]]])),
    tried: new Map([["--allow-net", []]]),
    use: async () => {
      using client = await Deno.connect({ transport: "unix", path });
      await speak(client);
    },
  });
  const first = setup.stack.use(await Sluice.start(attempt.args.slice(0, 2), { workers: 1 }));
  await complains(attempt, "--allow-net", /taking over a unix socket needs --allow-net without a list/);
  {
    using client = await Deno.connect({ transport: "unix", path });
    await speak(client);
  }
  await works(attempt);
  assert.equal((await first.ended()).code, 0);
}, NO_UNIX);

test("discovery over DNS", async (setup) => {
  const dns = await DnsServer.start(setup.stack, { hosts: { "db.test": ["127.0.0.1"] }, ttl: 60 });
  const server = `127.0.0.1:${dns.address.port}`;
  const yaml = `upstreams: { db: { endpoints: ["db.test:${setup.server.port}"], discovery: { dns: a, ` +
    `server: "${server}" } } }\n${setup.service({ to: "db" })}`;
  const attempt = await setup.attempt(yaml, {
    before: setup.relaying,
    tried: documentedFlags("`discovery.dns`", { SERVER: server }),
    use: relays,
  });
  await needs(attempt, {
    "--allow-net": adding(server, "net"),
    "--allow-sys": adding("networkInterfaces", "sys"),
  });
}, missingOf(DNSMASQ));

test("Consul", async (setup) => {
  const consul = setup.stack.use(new FakeConsul({ token: "s3cret-token" }));
  const token = await tokenIn(setup.folder);
  const source = `consul: { service: db, address: "${consul.address}", token_file: "${token}" }`;
  const { attempt, server } = await discovered(setup, source, consul.address);
  const [address, port] = server.address.split(":");
  consul.set([{ address: address!, port: Number(port) }]);
  await needs(attempt, {
    "--allow-net": adding(new URL(consul.address).host, "net"),
    "--allow-read": adding(token, "read"),
  });
});

test("Kubernetes", async (setup) => {
  const authority = setup.stack.use(await CertificateAuthority.create());
  const { cert, key } = await authority.issue({ name: "kubernetes", names: ["IP:127.0.0.1"] });
  const tls = { cert: await Deno.readTextFile(cert), key: await Deno.readTextFile(key) };
  const api = setup.stack.use(new FakeKubernetes(tls));
  api.token = "s3cret-token";
  const [token, ca] = [await tokenIn(setup.folder), join(setup.folder, "ca.pem")];
  await Deno.copyFile(authority.cert, ca);
  const source = `kubernetes: { service: db, namespace: prod, port: main, server: "${api.address}", ` +
    `token_file: "${token}", ca: "${ca}" }`;
  const { attempt, server } = await discovered(setup, source, api.address);
  api.set([{ address: server.address }]);
  await needs(attempt, {
    "--allow-net": adding(new URL(api.address).host, "net"),
    "--allow-read": adding(token, "read"),
  });
}, missingOf(OPENSSL));

async function tokenIn(folder: string): Promise<string> {
  const path = join(folder, "token");
  await Deno.writeTextFile(path, "s3cret-token\n", { mode: 0o600 });
  return path;
}

/** An attempt to relay to a server that this source, at `address`, has to name. */
async function discovered(
  setup: Setup,
  source: string,
  address: string,
): Promise<{ readonly attempt: Attempt; readonly server: NamedServer }> {
  const server = setup.stack.use(await NamedServer.start("a"));
  const [host, port] = server.address.split(":");
  const { hostname: HOST, port: PORT } = new URL(address);
  const yaml = `upstreams: { db: { discovery: { ${source} } } }\n${setup.service({ to: "db" })}`;
  const attempt = await setup.attempt(yaml, {
    before: together(
      setup.always,
      documentedFlags("an upstream by IP address", { HOST: host!, PORT: port! }),
    ),
    tried: documentedFlags("Consul or Kubernetes", { HOST, PORT, FOLDER: setup.folder }),
    use: async (sluice) => assert.equal(await answeringServer(sluice.port()), "a"),
  });
  return { attempt, server };
}
