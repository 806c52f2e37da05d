import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import {
  endingListener,
  gateway,
  gatewayClass,
  grant,
  GROUP,
  secret,
  tcpListener,
  tcpRoute,
  tlsListener,
  tlsRoute,
  within,
} from "../../../support/kubernetes/gateway_objects.ts";
import {
  alternativeNames,
  type Contents,
  dnsName,
  issue,
  newKeys,
} from "../../../support/bytes/certificate_bytes.ts";
import { certificate } from "../../../support/peers/tls_server.ts";
import { Translated } from "../translated.ts";

const SERVED = "Accepted=True Conflicted=False ResolvedRefs=True Programmed=True";

function translated(listeners: Parameters<typeof gateway>[1], ...objects: Record<string, unknown>[]) {
  return new Translated([gatewayClass(), gateway("edge", listeners), ...objects]);
}

Deno.test("translate() accepts listeners for TCP and TLS, and says which routes they take", () => {
  const found = translated([
    tcpListener("tcp", 5432),
    tlsListener("pass", 443, "*.example.com"),
    endingListener("end", 443, "end.example.com", { name: "cert" }),
  ], secret("cert", certificate("end.example.com")));
  assert.equal(found.listener("prod/edge", "tcp"), `0 [TCPRoute] ${SERVED}`);
  assert.equal(found.listener("prod/edge", "pass"), `0 [TLSRoute] ${SERVED}`);
  assert.equal(found.listener("prod/edge", "end"), `0 [TLSRoute,TCPRoute] ${SERVED}`);
  assert.equal(found.gateway("prod/edge"), "Accepted=True Programmed=True ResolvedRefs=True");
});

Deno.test("translate() refuses protocols, modes, ports and names that sluice has none of, and serves the others", () => {
  const found = translated([
    tcpListener("http", 80, { protocol: "HTTP" }),
    tcpListener("udp", 53, { protocol: "UDP" }),
    tcpListener("port", 0),
    tlsListener("mode", 444, undefined, { tls: { mode: "Other" } }),
    tlsListener("name", 445, "10.0.0.1"),
    tcpListener("good", 5432),
  ]);
  const rest = "Conflicted=False ResolvedRefs=True Programmed=False(Invalid)";
  assert.equal(found.listener("prod/edge", "http"), `0 [] Accepted=False(UnsupportedProtocol) ${rest}`);
  assert.equal(found.listener("prod/edge", "udp"), `0 [] Accepted=False(UnsupportedProtocol) ${rest}`);
  assert.equal(found.listener("prod/edge", "port"), `0 [] Accepted=False(PortUnavailable) ${rest}`);
  assert.equal(found.listener("prod/edge", "mode"), `0 [] Accepted=False(UnsupportedValue) ${rest}`);
  assert.equal(found.listener("prod/edge", "name"), `0 [] Accepted=False(UnsupportedValue) ${rest}`);
  assert.equal(found.listener("prod/edge", "good"), `0 [TCPRoute] ${SERVED}`);
  assert.equal(
    found.gateway("prod/edge"),
    "Accepted=True(ListenersNotValid) Programmed=True ResolvedRefs=True",
  );
});

Deno.test("translate() rejects a Gateway without a single good listener", () => {
  const found = translated([tcpListener("http", 80, { protocol: "HTTP" })]);
  assert.equal(
    found.gateway("prod/edge"),
    "Accepted=False(ListenersNotValid) Programmed=False(Invalid) ResolvedRefs=True",
  );
});

Deno.test("translate() serves none of the listeners that share a port with one for TCP", () => {
  const found = translated([
    tcpListener("tcp", 443),
    tlsListener("tls", 443, "a.example.com"),
    tcpListener("other", 5432),
  ], tcpRoute("db", [{ name: "edge" }], []));
  const why = "(ProtocolConflict)";
  for (const name of ["tcp", "tls"]) {
    const conditions = found.listener("prod/edge", name);
    assert.ok(conditions.includes(`Accepted=False${why} Conflicted=True${why}`), conditions);
    assert.match(conditions, /Programmed=False\(Invalid\)$/);
  }
  assert.equal(found.port(443), undefined);
  assert.deepEqual(found.port(5432), ["all -> refused"]);
});

Deno.test("translate() serves none of several listeners with the same port and host name, in one Gateway or two", () => {
  const why = "Accepted=False(HostnameConflict) Conflicted=True(HostnameConflict) ResolvedRefs=True";
  const found = new Translated([
    gatewayClass(),
    gateway("a", [tlsListener("one", 443, "a.example.com"), tlsListener("own", 443, "own.example.com")]),
    gateway("b", [tlsListener("two", 443, "A.example.com"), tcpListener("tcp", 1)]),
    gateway("c", [tcpListener("tcp", 1)]),
  ]);
  assert.ok(found.listener("prod/a", "one").includes(why));
  assert.ok(found.listener("prod/b", "two").includes(why));
  assert.ok(found.listener("prod/b", "tcp").includes(why));
  assert.ok(found.listener("prod/c", "tcp").includes(why));
  assert.equal(found.listener("prod/a", "own"), `0 [TLSRoute] ${SERVED}`);
});

Deno.test("translate() lets listeners share a port that have other host names, whatever they do with TLS", () => {
  const found = translated([
    tlsListener("pass", 8883, "pass.example.com"),
    endingListener("end", 8883, "end.example.com", { name: "cert" }),
    tlsListener("any", 8883),
  ], secret("cert", certificate("end.example.com")));
  for (const name of ["pass", "end", "any"]) {
    assert.ok(found.listener("prod/edge", name).endsWith(SERVED), name);
  }
});

Deno.test("translate() refuses the kinds of routes that a listener cannot have, and keeps the others", () => {
  const kinds = (...names: string[]) => ({
    allowedRoutes: { kinds: names.map((kind) => ({ group: GROUP, kind })) },
  });
  const found = translated([
    tlsListener("some", 443, "a.example.com", kinds("TCPRoute", "TLSRoute")),
    tlsListener("none", 443, "b.example.com", kinds("HTTPRoute")),
    tcpListener("group", 1, { allowedRoutes: { kinds: [{ group: "example.com", kind: "TCPRoute" }] } }),
  ]);
  const wrong = "Accepted=True Conflicted=False ResolvedRefs=False(InvalidRouteKinds)";
  assert.equal(found.listener("prod/edge", "some"), `0 [TLSRoute] ${wrong} Programmed=True`);
  assert.equal(found.listener("prod/edge", "none"), `0 [] ${wrong} Programmed=False(Invalid)`);
  assert.equal(found.listener("prod/edge", "group"), `0 [] ${wrong} Programmed=False(Invalid)`);
  assert.match(found.gateway("prod/edge"), /ResolvedRefs=False\(ListenersNotResolved\)$/);
});

/** A certificate and its key, which OpenSSL takes. */
function pairOf({ keys = newKeys(), ...rest }: Partial<Contents>) {
  const extensions = [alternativeNames(dnsName("a.example.com"))];
  const { pem } = issue({ subject: "a.example.com", extensions, keys, ...rest });
  return { cert: pem, key: String(keys.privateKey.export({ type: "pkcs8", format: "pem" })) };
}

Deno.test("translate() needs a Secret with a certificate and its key to end TLS", () => {
  const good = certificate("a.example.com");
  const other = certificate("a.example.com");
  const cases: [name: string, reference: Record<string, unknown>, found: Record<string, unknown>[]][] = [
    ["absent", { name: "absent" }, []],
    ["kind", { name: "cert", kind: "ConfigMap" }, [secret("cert", good)]],
    ["no key", { name: "cert" }, [{ ...secret("cert", good), data: { "tls.crt": btoa(good.cert) } }]],
    ["no certificate", { name: "cert" }, [secret("cert", { ...good, cert: "nothing" })]],
    ["wrong key", { name: "cert" }, [secret("cert", { ...good, key: other.key })]],
    ["short key", { name: "cert" }, [
      secret("cert", pairOf({ keys: generateKeyPairSync("rsa", { modulusLength: 1024 }) })),
    ]],
    ["unknown curve", { name: "cert" }, [
      secret("cert", pairOf({ keys: newKeys("secp256k1") })),
    ]],
    ["damaged issuer", { name: "cert" }, [
      secret("cert", {
        ...good,
        cert: `${good.cert}\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
      }),
    ]],
    ["expired", { name: "cert" }, [secret("cert", pairOf({ from: -9, until: -1 }))]],
    ["no base64", { name: "cert" }, [{ ...secret("cert", good), data: { "tls.crt": "%", "tls.key": "%" } }]],
  ];
  for (const [what, reference, objects] of cases) {
    const found = translated([
      endingListener("end", 443, "a.example.com", reference),
      tlsListener("pass", 443, "b.example.com"),
    ], ...objects);
    assert.equal(
      found.listener("prod/edge", "end"),
      "0 [TLSRoute,TCPRoute] Accepted=True Conflicted=False ResolvedRefs=False(InvalidCertificateRef) " +
        "Programmed=False(Invalid)",
      what,
    );
    assert.ok(found.listener("prod/edge", "pass").endsWith(SERVED), what);
    assert.match(JSON.stringify(found.status("Gateway", "prod/edge")), /(Secret|ConfigMap)/, what);
    const status = JSON.stringify(found.status("Gateway", "prod/edge"));
    assert.ok(!status.includes(good.key.split("\n")[1]!), "a message has the key");
  }
});

Deno.test("translate() takes a Secret of another namespace only with a ReferenceGrant", () => {
  const pair = within("certs", secret("cert", certificate("a.example.com")));
  const listener = endingListener("end", 443, "a.example.com", { name: "cert", namespace: "certs" });
  const conditions = (...grants: Record<string, unknown>[]) =>
    translated([listener], pair, ...grants).listener("prod/edge", "end");
  const denied = /ResolvedRefs=False\(RefNotPermitted\) Programmed=False\(Invalid\)$/;
  assert.match(conditions(), denied);
  assert.match(conditions(grant("certs", ["Gateway", "other"], ["Secret"])), denied);
  assert.match(conditions(grant("certs", ["TLSRoute", "prod"], ["Secret"])), denied);
  assert.match(conditions(grant("certs", ["Gateway", "prod"], ["Service"])), denied);
  assert.match(conditions(grant("certs", ["Gateway", "prod"], ["Secret", "other"])), denied);
  assert.match(conditions(grant("other", ["Gateway", "prod"], ["Secret"])), denied);
  assert.ok(conditions(grant("certs", ["Gateway", "prod"], ["Secret"])).endsWith(SERVED));
  assert.ok(conditions(grant("certs", ["Gateway", "prod"], ["Secret", "cert"])).endsWith(SERVED));
});

Deno.test("translate() does not ignore that clients should be asked for certificates", () => {
  const found = new Translated([
    gatewayClass(),
    gateway("edge", [
      endingListener("end", 443, "a.example.com", { name: "cert" }),
      tlsListener("pass", 444, "a.example.com"),
    ], { tls: { frontend: { default: {} } } }),
    secret("cert", certificate("a.example.com")),
    tlsRoute("web", [{ name: "edge", sectionName: "end" }], ["a.example.com"], []),
  ]);
  assert.match(
    found.listener("prod/edge", "end"),
    /^1 \[TLSRoute,TCPRoute\] Accepted=False\(UnsupportedValue\)/,
  );
  assert.ok(found.listener("prod/edge", "pass").endsWith(SERVED));
  assert.equal(found.port(443), undefined);
});

Deno.test("translate() serves the Gateways of its class, or one of them, and no others", () => {
  const objects = [
    gatewayClass(),
    gatewayClass("other", { controllerName: "example.com/other" }),
    gateway("a", [tcpListener("tcp", 1)]),
    gateway("b", [tcpListener("tcp", 2)]),
    gateway("c", [tcpListener("tcp", 3)], { gatewayClassName: "other" }),
    tcpRoute("db", [{ name: "a" }, { name: "b" }, { name: "c" }], []),
  ];
  const all = new Translated(objects);
  assert.deepEqual(all.translation.ports.map(({ port }) => port), [1, 2]);
  assert.equal(all.route("TCPRoute", "prod/db").length, 2);
  const one = new Translated(objects, { gateway: { namespace: "prod", name: "b" } });
  assert.deepEqual(one.translation.ports.map(({ port }) => port), [2]);
  assert.equal(one.status("Gateway", "prod/a"), undefined);
  const foreign = new Translated(objects, { className: "other" });
  assert.deepEqual(foreign.translation.ports, []);
  assert.equal(foreign.status("GatewayClass", "other"), undefined);
  assert.equal(foreign.status("Gateway", "prod/c"), undefined);
});
