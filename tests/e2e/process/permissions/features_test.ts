/** Rows of the table in docs/security.md about files and other parts: each flag is enough, and needed. */

import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { CertificateAuthority, OPENSSL } from "../../../support/certificates.ts";
import { eventually } from "../../../support/eventually.ts";
import { FakeCluster } from "../../../support/kubernetes/fake_cluster.ts";
import {
  endingListener,
  gateway,
  gatewayClass,
  secret,
  tlsRoute,
} from "../../../support/kubernetes/gateway_objects.ts";
import { NamedServer } from "../../../support/peers/named_server.ts";
import { OtlpReceiver } from "../../../support/peers/otlp_receiver.ts";
import { ownAddress } from "../../../support/peers/own_address.ts";
import { askTls, certificate } from "../../../support/peers/tls_server.ts";
import { type Attempt, documentedFlags, together, works } from "../../../support/program/narrow.ts";
import { NotifySocket } from "../../../support/program/notify_socket.ts";
import { pods, to } from "../../gateway/gateway_fixture.ts";
import { adding, missingOf, needs, relays, speak, test } from "./permissions_fixture.ts";

test("the access log", async (setup) => {
  const log = join(setup.folder, "access.log");
  const yaml = `log: { access: { path: ${JSON.stringify(log)} } }\n${setup.service()}`;
  const attempt = await setup.attempt(yaml, {
    before: setup.relaying,
    tried: documentedFlags("the access log", { FILE: log }),
    use: async (sluice) => {
      await relays(sluice);
      await eventually("a line", () => Deno.readTextFile(log), (text) => text.includes("service=test"));
    },
  });
  await needs(attempt, readAndWriteOf(log));
});

test("the ready file", async (setup) => {
  const path = join(setup.folder, "ready.json");
  const attempt = await setup.attempt(setup.service(), {
    args: ["--ready-file", path],
    before: setup.relaying,
    tried: documentedFlags("the ready file", { FOLDER: setup.folder }),
    use: async () => void assert.match(await Deno.readTextFile(path), /"ready"/),
  });
  await needs(attempt, readAndWriteOf(path));
});

test("a certificate", async (setup) => {
  const authority = setup.stack.use(await CertificateAuthority.create());
  const { cert, key } = await authority.issue({ name: "localhost" });
  const [certFile, keyFile] = [join(setup.folder, "a.pem"), join(setup.folder, "a.key")];
  await Deno.copyFile(cert, certFile);
  await Deno.copyFile(key, keyFile);
  await Deno.chmod(keyFile, 0o600);
  const caCerts = [await Deno.readTextFile(authority.cert)];
  const attempt = await setup.attempt(
    setup.service({ more: `, tls: { cert: "${certFile}", key: "${keyFile}" }` }),
    {
      before: setup.relaying,
      tried: documentedFlags("the configuration, lists", { FOLDER: setup.folder }),
      use: async (sluice) => {
        using client = await Deno.connectTls({ hostname: "localhost", port: sluice.port(), caCerts });
        await speak(client);
      },
    },
  );
  await needs(attempt, { "--allow-read": adding(certFile, "read") });
}, missingOf(OPENSSL));

test("the messages to systemd", async (setup) => {
  const path = join(setup.folder, "notify");
  const manager = setup.stack.use(new NotifySocket(path));
  const attempt = await setup.attempt(setup.service(), {
    before: setup.always,
    tried: documentedFlags("`NOTIFY_SOCKET` of systemd", { FILE: path }),
    env: { NOTIFY_SOCKET: path },
    use: async (sluice) => {
      await manager.hears("READY=1\nSTATUS=0 connections of 1 service");
      sluice.kill("SIGHUP");
      await manager.hears("READY=1\nSTATUS=Reloaded");
    },
    provoke: (sluice) => Promise.resolve(sluice.kill("SIGHUP")),
  });
  await needs(attempt, {
    "--allow-net":
      /Cannot use NOTIFY_SOCKET=.*not allowed by Deno \(abstract sockets need --allow-net without a list\)/,
    "--allow-write": adding(path, "write"),
    "--allow-sys": adding("osUptime", "sys"),
  });
}, Deno.build.os === "linux" ? undefined : "Linux");

test("the export over OTLP", async (setup) => {
  const receiver = setup.stack.use(new OtlpReceiver());
  const attempt = await setup.attempt(setup.service(), {
    before: setup.relaying,
    tried: new Map(),
    env: receiver.env,
    use: async (sluice) => {
      await relays(sluice);
      await eventually("a span", () => receiver.spans, ({ length }) => length > 0);
    },
  });
  await works(attempt);
});

test("sluice gateway", async (setup) => {
  const server = setup.stack.use(await NamedServer.start("b"));
  const [upstreamHost, upstreamPort] = server.address.split(":");
  const pair = { name: "end.example.com", ...certificate("end.example.com") };
  const cluster = setup.stack.use(
    new FakeCluster([
      gatewayClass(),
      gateway("edge", [endingListener("end", 8443, pair.name, { name: "cert" })]),
      secret("cert", pair),
      ...pods("b", server.address),
      tlsRoute("end", [{ name: "edge" }], [pair.name], to("b")),
    ]),
  );
  const host = ownAddress();
  const api = new URL(cluster.url);
  const attempt: Attempt = {
    args: ["gateway", "--server", cluster.url, "--listen", host],
    before: together(
      documentedFlags("an address that sluice listens on", { HOST: host, PORT: "8443" }),
      documentedFlags("an upstream by IP address", { HOST: upstreamHost!, PORT: upstreamPort! }),
    ),
    tried: documentedFlags("`sluice gateway`", { HOST: api.hostname, PORT: api.port, FOLDER: setup.folder }),
    env: { TMPDIR: setup.folder },
    use: async () => {
      const name = await askTls({ hostname: host, port: 8443 }, pair.name, pair.cert);
      assert.equal(name, "b");
    },
  };
  await needs(attempt, {
    "--allow-net": adding(api.host, "net"),
    "--allow-read": adding(setup.folder, "read"),
    "--allow-write": adding(setup.folder, "write"),
  });
});

/** What is said of a file where it may not be read or not be written. */
function readAndWriteOf(path: string): Record<string, RegExp> {
  return Object.fromEntries(["--allow-read", "--allow-write"].map((flag) => {
    const said = `${RegExp.escape(basename(path))}.*not allowed by Deno; add ${
      RegExp.escape(path)
    } to ${flag}`;
    return [flag, new RegExp(said)];
  }));
}
