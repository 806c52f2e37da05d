/** `sluice gateway` with a fake cluster: the unit tests have the rules, these have clients. */

import assert from "node:assert/strict";
import { join } from "node:path";
import {
  endingListener,
  gateway,
  secret,
  slice,
  tcpListener,
  tcpRoute,
  tlsListener,
  tlsRoute,
  within,
} from "../../support/kubernetes/gateway_objects.ts";
import { eventually } from "../../support/eventually.ts";
import { countsOf, NamedServers } from "../../support/peers/named_server.ts";
import { readText, writeText } from "../../support/peers/sockets.ts";
import { temporaryDirectory } from "../../support/program/directory.ts";
import { runSluice, Sluice } from "../../support/program/program.ts";
import { certificate, tlsServer } from "../../support/peers/tls_server.ts";
import { GatewayFixture, gatewayTest, pods, to } from "./gateway_fixture.ts";

const EDGE = [{ name: "edge" }];

gatewayTest(
  "sluice gateway sends clients where TCPRoutes and TLSRoutes say, and writes their status",
  async (stack) => {
    const servers = stack.use(await NamedServers.start("ab"));
    const [a, b] = servers.all.map(({ address }) => address) as [string, string];
    const [shop, mail, end] = ["shop.example.com", "x.mail.example.com", "end.example.com"].map((name) => ({
      name,
      ...certificate(name),
    })) as [{ name: string; cert: string; key: string }, ...{ name: string; cert: string; key: string }[]];
    const [c, d] = [stack.use(tlsServer("c", shop)), stack.use(tlsServer("d", mail!))];
    const fixture = stack.use(
      new GatewayFixture(
        gateway("edge", [
          tcpListener("db", 5432),
          tlsListener("tls", 443 + 8000, "*.example.com"),
          endingListener("end", 443 + 8000, end!.name, { name: "cert" }),
        ]),
        secret("cert", end!),
        ...pods("a", a),
        ...pods("b", b),
        ...pods("c", c.address),
        ...pods("d", d.address),
        tcpRoute("db", EDGE, to("a")),
        tlsRoute("shop", EDGE, [shop.name], to("c")),
        tlsRoute("mail", EDGE, ["*.mail.example.com"], to("d")),
        tlsRoute("end", [{ name: "edge", sectionName: "end" }], [end!.name], to("b")),
      ),
    );
    await fixture.start(["--address", "192.0.2.1"]);
    assert.deepEqual(fixture.sluice.ready.services.map(({ name }) => name), ["port-5432", "port-8443"]);

    assert.equal(await fixture.ask(5432), "a");
    assert.equal(await fixture.askTls(8443, shop.name, shop.cert), "c");
    assert.equal(await fixture.askTls(8443, mail!.name, mail!.cert), "d");
    assert.equal(await fixture.askTls(8443, end!.name, end!.cert), "b");
    assert.equal(await fixture.askTls(8443, "other.example.com", shop.cert), "");
    assert.equal(await fixture.ask(8443), "", "a client without TLS");

    const { cluster } = fixture;
    await cluster.untilStatus(
      "Gateway",
      "edge",
      /"type":"Programmed".*"192\.0\.2\.1"|"192\.0\.2\.1".*"type":"Programmed"/,
    );
    await cluster.untilStatus(
      "TCPRoute",
      "db",
      /"reason":"Accepted","status":"True"|"status":"True","reason":"Accepted"/,
    );
    const { listeners } = cluster.status("Gateway", "edge") as {
      listeners: { name: string; attachedRoutes: number }[];
    };
    assert.deepEqual(listeners.map(({ name, attachedRoutes }) => `${name} ${attachedRoutes}`), [
      "db 1",
      "tls 2",
      "end 2",
    ]);
    const { supportedFeatures } = cluster.status("GatewayClass", "sluice", "") as Record<string, unknown>;
    assert.equal(supportedFeatures, undefined, "the class has no namespace");
  },
);

gatewayTest(
  "sluice gateway divides clients by weight, and refuses the share of a backend that is gone",
  async (stack) => {
    const servers = stack.use(await NamedServers.start("ab"));
    const [a, b] = servers.all.map(({ address }) => address) as [string, string];
    const backends = [
      { name: "a", port: 80, weight: 5 },
      { name: "b", port: 80, weight: 3 },
      { name: "gone", port: 80, weight: 2 },
    ];
    const fixture = stack.use(
      new GatewayFixture(
        gateway("edge", [tcpListener("db", 5432), tcpListener("other", 5433)]),
        ...pods("a", a),
        ...pods("b", b),
        tcpRoute("db", [{ name: "edge", sectionName: "db" }], backends),
        tcpRoute("other", [{ name: "edge", sectionName: "other" }], to("b")),
      ),
    );
    await fixture.start([], { workers: 1 });
    const names: string[] = [];
    for (let client = 0; client < 20; client++) names.push(await fixture.ask(5432));
    assert.deepEqual(countsOf(names), { "": 4, a: 10, b: 6 });
    assert.equal(await fixture.ask(5433), "b");
    await fixture.cluster.untilStatus("TCPRoute", "db", /BackendNotFound/);
  },
);

gatewayTest(
  "sluice gateway keeps connections while routes, endpoints and listeners come and go",
  async (stack) => {
    const servers = stack.use(await NamedServers.start("abc"));
    const [a, b, c] = servers.all.map(({ address }) => address) as [string, string, string];
    const edge = gateway("edge", [tcpListener("db", 5432)]);
    const route = tcpRoute("db", EDGE, to("a"));
    const fixture = stack.use(new GatewayFixture(edge, ...pods("a", a), ...pods("b", b), route));
    const { cluster } = fixture;
    await fixture.start();
    using kept = await fixture.connect(5432);
    await writeText(kept, "NAME");
    assert.equal(await readText(kept, 1), "a");
    const reaches = (name: string) =>
      eventually(`clients at ${name}`, () => fixture.ask(5432), (found) => found === name);
    const checkKept = async () => {
      await writeText(kept, "still");
      assert.equal(await readText(kept, 5), "still");
    };

    cluster.put(tcpRoute("db", EDGE, to("b")));
    await reaches("b");
    await checkKept();
    cluster.put(slice("b", [c]));
    await reaches("c");
    await checkKept();
    // Now that the backend refuses its clients, no other endpoint is tried for them.
    cluster.put(slice("b", []));
    await reaches("");
    await checkKept();
    cluster.remove(route);
    await fixture.closed(5432);
    await cluster.untilStatus("Gateway", "edge", /"attachedRoutes":0/);
    await checkKept();
    cluster.put(route);
    await reaches("a");
    await checkKept();
    cluster.put(gateway("edge", [tcpListener("other", 5433)]));
    await eventually("the other port", () => fixture.ask(5433), (found) => found === "a");
    await fixture.closed(5432);
    await checkKept();
    cluster.remove(edge);
    await fixture.closed(5433);
    await checkKept();
    await cluster.untilStatus("TCPRoute", "db", /"parents":\[\]/);
  },
);

gatewayTest(
  "sluice gateway serves what it knows while the API server is gone, and catches up",
  async (stack) => {
    const { b, fixture } = await oneRoute(stack);
    const { cluster } = fixture;
    await fixture.start();
    cluster.goDown();
    await fixture.sluice.logged("gateway_api_failed");
    cluster.put(...pods("a", b));
    assert.equal(await fixture.ask(5432), "a");
    cluster.isDown = false;
    await eventually("clients at b", () => fixture.ask(5432), (found) => found === "b");
    await fixture.sluice.logged("gateway_api_recovered");
  },
);

gatewayTest("sluice gateway is not ready before the API server has answered", async (stack) => {
  const servers = stack.use(await NamedServers.start("a"));
  const folder = stack.use(await temporaryDirectory());
  const fixture = stack.use(
    new GatewayFixture(
      gateway("edge", [tcpListener("db", 5432)]),
      ...pods("a", servers.all[0]!.address),
      tcpRoute("db", EDGE, to("a")),
    ),
  );
  fixture.cluster.isDown = true;
  const admin = `unix:${join(folder.path, "admin.sock")}`;
  const starting = fixture.start(["--admin", admin]);
  await eventually(
    "the reason",
    () => runSluice(["check", "--ready", admin]),
    ({ stderr }) => stderr.includes('"not_ready":["gateway"]'),
  );
  fixture.cluster.isDown = false;
  await starting;
  assert.equal((await runSluice(["check", "--ready", admin])).code, 0);
  assert.equal(await fixture.ask(5432), "a");
});

gatewayTest("sluice gateway serves a new certificate as soon as its Secret changes", async (stack) => {
  const servers = stack.use(await NamedServers.start("a"));
  const [before, after] = [certificate("end.example.com"), certificate("end.example.com")];
  const fixture = stack.use(
    new GatewayFixture(
      gateway("edge", [endingListener("end", 8443, "end.example.com", { name: "cert" })]),
      secret("cert", before),
      ...pods("a", servers.all[0]!.address),
      tlsRoute("end", EDGE, ["end.example.com"], to("a")),
    ),
  );
  await fixture.start();
  const ask = (pair: { cert: string }) => fixture.askTls(8443, "end.example.com", pair.cert);
  assert.equal(await ask(before), "a");
  fixture.cluster.put(secret("cert", after));
  await eventually("the new certificate", () => ask(after), (found) => found === "a");
  assert.equal(await ask(before), "");
  fixture.cluster.put(secret("cert", { ...after, key: "broken" }));
  await fixture.cluster.untilStatus("Gateway", "edge", /InvalidCertificateRef/);
  await fixture.closed(8443);
  const { stderr } = fixture.sluice;
  assert.ok(!stderr.includes("PRIVATE KEY") && !stderr.includes(after.key.split("\n")[1]!));
});

gatewayTest(
  "sluice gateway says which port it cannot have, serves the others, and tries again",
  async (stack) => {
    const servers = stack.use(await NamedServers.start("a"));
    const fixture = stack.use(
      new GatewayFixture(
        gateway("edge", [tcpListener("taken", 5432), tcpListener("free", 5433)]),
        ...pods("a", servers.all[0]!.address),
        tcpRoute("db", EDGE, to("a")),
      ),
    );
    const taken = Deno.listen({ hostname: fixture.host, port: 5432 });
    try {
      await fixture.start();
      assert.equal(await fixture.ask(5433), "a");
      await fixture.cluster.untilStatus("Gateway", "edge", /PortUnavailable/);
    } finally {
      taken.close();
    }
    await eventually("the port", () => fixture.ask(5432), (found) => found === "a");
    await eventually(
      "the status",
      () => JSON.stringify(fixture.cluster.status("Gateway", "edge")),
      (text) => !text.includes("PortUnavailable"),
    );
  },
);

gatewayTest(
  "sluice gateway applies changes while the API server has not stored a status yet",
  async (stack) => {
    const { b, fixture } = await oneRoute(stack);
    const { cluster } = fixture;
    const gate = Promise.withResolvers<void>();
    cluster.statusGate = gate.promise;
    stack.defer(() => gate.resolve());
    await fixture.start();
    await eventually(
      "a request",
      () => cluster.requests,
      (all) => all.some((each) => each.startsWith("PATCH")),
    );
    cluster.put(slice("a", [b]));
    await eventually("clients at b", () => fixture.ask(5432), (found) => found === "b");
    assert.deepEqual(cluster.status("Gateway", "edge"), {});
    gate.resolve();
    await cluster.untilStatus("Gateway", "edge", /"type":"Programmed"/);
  },
);

gatewayTest("sluice gateway leaves no certificate behind", async (stack) => {
  const servers = stack.use(await NamedServers.start("a"));
  const folder = stack.use(await temporaryDirectory());
  const fixture = stack.use(
    new GatewayFixture(
      gateway("edge", [endingListener("end", 8443, "end.example.com", { name: "cert" })]),
      secret("cert", certificate("end.example.com")),
      ...pods("a", servers.all[0]!.address),
      tlsRoute("end", EDGE, ["end.example.com"], to("a")),
    ),
  );
  const sluice = stack.use(
    await Sluice.start(["gateway", "--server", fixture.cluster.url, "--listen", fixture.host], {
      env: { TMPDIR: folder.path },
    }),
  );
  const [directory] = filesIn(folder.path);
  assert.deepEqual([directory!, ...filesIn(directory!)].map(modeOf), [0o700, 0o600, 0o600]);
  assert.equal((await sluice.stop()).code, 0);
  assert.deepEqual(filesIn(folder.path), []);
});

Deno.test("sluice gateway explains options that it cannot use", async () => {
  await using folder = await temporaryDirectory();
  const empty = join(folder.path, "empty");
  await Deno.writeTextFile(empty, "\n");
  const access = ["--server", "http://127.0.0.1:1"];
  const cases: [args: string[], message: RegExp][] = [
    [[], /No API server: this program does not run in a pod, give --server URL/],
    [["--server", "10.0.0.1"], /Cannot use "10\.0\.0\.1" for --server: expected an address such as https:/],
    [[...access, "--gateway", "edge"], /Cannot use "edge" for --gateway: expected NAMESPACE\/NAME/],
    [[...access, "--listen", "127.0.0"], /"127\.0\.0" for --listen: expected an IP address .*; leave it out/],
    [[...access, "--listen", "127.0.0.1:80"], /"127\.0\.0\.1:80" for --listen: .* without a port/],
    [
      [...access, "--drain", "45", "--idle-timeout", "soon"],
      /"soon" for --idle-timeout: Cannot parse [^]*"45" for --drain: .* write "45s"/,
    ],
    [[...access, "--admin", "9000x"], /Cannot use "9000x" for --admin: .* the port is missing/],
    [[...access, "--admin", ":9000"], /Cannot use SLUICE_TOKEN as admin\.token: .* set a token or listen on/],
    [[...access, "--token-file", "absent"], /Cannot read --token-file "absent": no such file \(check the/],
    // The admin interface may have any port.
    [[...access, "--admin", "127.0.0.1:1", "--token-file", "absent"], /Cannot read --token-file "absent"/],
    [[...access, "--token-file", empty], /Cannot read --token-file ".*empty": expected one word/],
    [[...access, "--ca", folder.path], /Cannot read --ca ".*": it is a directory \(name a file in it\)/],
    [["--server", "https://127.0.0.1:1"], /Cannot read ".*\/ca\.crt" of the pod's .*, give --ca FILE/],
    [["edge"], /Unknown argument "edge": it takes options only/],
  ];
  for (const [args, message] of cases) {
    const { code, stderr } = await runSluice(["gateway", ...args]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
    assert.match(stderr, /\nSee sluice gateway --help\n$/);
  }
});

function filesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => join(folder, name));
}

function modeOf(path: string): number {
  return Deno.statSync(path).mode! & 0o777;
}

gatewayTest(
  "sluice gateway serves a port with 1100 routes and 4400 pods of another namespace",
  async (stack) => {
    const servers = stack.use(await NamedServers.start("a"));
    const names = Array.from({ length: 1100 }, (_, index) => `s${index}`);
    const others = names.flatMap((name, index) => [
      tlsRoute(name, [{ name: "edge", namespace: "prod" }], [`${name}.example.com`], to(name)),
      ...pods(name, ...[1, 2, 3, 4].map((pod) => `10.${pod}.${index >> 8}.${index & 255}:80`)),
    ]);
    const tls = tlsListener("tls", 7443, undefined, { allowedRoutes: { namespaces: { from: "All" } } });
    const fixture = stack.use(
      new GatewayFixture(
        gateway("edge", [tls, tcpListener("tcp", 7500)]),
        ...others.map((each) => within("evil", each)),
        tcpRoute("db", [{ name: "edge", sectionName: "tcp" }], to("a"), 9),
        tlsRoute("shop", [{ name: "edge", sectionName: "tls" }], ["shop.example.com"], to("a"), 9),
        ...pods("a", servers.all[0]!.address),
      ),
    );
    await fixture.start();
    assert.equal(await fixture.ask(7500), "a");
    await fixture.cluster.untilStatus("Gateway", "edge", /Programmed/);
    assert.doesNotMatch(
      JSON.stringify(fixture.cluster.status("Gateway", "edge")),
      /"type":"Programmed","status":"False"/,
    );
    assert.doesNotMatch(fixture.sluice.stderr, /endpoint_refused|gateway_port_failed/);
  },
);

gatewayTest("sluice gateway serves others beside a route whose endpoints it cannot use", async (stack) => {
  const servers = stack.use(await NamedServers.start("a"));
  const fixture = stack.use(
    new GatewayFixture(
      gateway("edge", [tlsListener("tls", 7443), tcpListener("tcp", 7500)]),
      tcpRoute("db", [{ name: "edge", sectionName: "tcp" }], to("a")),
      tlsRoute("bad", [{ name: "edge", sectionName: "tls" }], ["bad.example.com"], to("bad")),
      tlsRoute("good", [{ name: "edge", sectionName: "tls" }], ["good.example.com"], to("a")),
      ...pods("a", servers.all[0]!.address),
      ...pods("bad", "010.0.0.1:80"),
    ),
  );
  await fixture.start();
  await fixture.cluster.untilStatus("TLSRoute", "bad", /UnsupportedValue/);
  assert.match(JSON.stringify(fixture.cluster.status("TLSRoute", "bad")), /010\.0\.0\.1/);
  await fixture.cluster.untilStatus("Gateway", "edge", /Programmed/);
  assert.doesNotMatch(
    JSON.stringify(fixture.cluster.status("Gateway", "edge")),
    /"type":"Programmed","status":"False"/,
  );
});

/** A route on port 5432 to the server "a", and the address of the server "b". */
async function oneRoute(stack: AsyncDisposableStack) {
  const servers = stack.use(await NamedServers.start("ab"));
  const [a, b] = servers.all.map(({ address }) => address) as [string, string];
  const fixture = stack.use(
    new GatewayFixture(
      gateway("edge", [tcpListener("db", 5432)]),
      ...pods("a", a),
      tcpRoute("db", EDGE, to("a")),
    ),
  );
  return { b, fixture };
}
