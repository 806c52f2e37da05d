/**
 * `sluice gateway` with a real API server: the cases of the conformance tests of the Gateway API for TCPRoute and TLSRoute,
 * whose own pods need nodes.
 */

import assert from "node:assert/strict";
import { blockWith } from "../../support/docs/page.ts";
import { interopTest } from "../../support/interop.ts";
import {
  endingListener,
  gateway,
  grant,
  namespace,
  secret,
  service,
  slice,
  tcpListener,
  tcpRoute,
  tlsListener,
  tlsRoute,
  within,
} from "../../support/kubernetes/gateway_objects.ts";
import { countsOf } from "../../support/peers/named_server.ts";
import { ownAddress } from "../../support/peers/own_address.ts";
import { askTls, certificate } from "../../support/peers/tls_server.ts";
import type { KubeApiServer } from "../../support/servers/kube_api_server.ts";
import { GATEWAY_API, GatewayCluster, startPod, startTlsPod } from "./gateway_cluster.ts";

const PAGE = "docs/deploy/gateway.md";
const EDGE = [{ name: "edge" }];
const to = (name: string) => [{ name, port: 80 }];
/** What the API server sets itself may not be applied. */
const bare = (objects: Record<string, unknown>[]) =>
  objects.map((object) => {
    const { name, namespace, labels } = object.metadata as Record<string, unknown>;
    return { ...object, metadata: { name, namespace, labels } };
  });

async function startWith(stack: AsyncDisposableStack, letters: string) {
  const cluster = await GatewayCluster.start(stack);
  const all = [...letters].map((letter) => stack.use(startPod(letter)));
  await cluster.apply(...bare([namespace("prod", { env: "live" }), namespace("web", {})]));
  const pods = all.flatMap(({ letter, address }) => [service(letter, 80), slice(letter, [address])]);
  await cluster.apply(...bare(pods));
  const apply = (...objects: Record<string, unknown>[]) => cluster.apply(...bare(objects));
  return { cluster, all, apply };
}

interopTest("sluice gateway and an API server: TCPRoutes", GATEWAY_API, async (stack) => {
  const { cluster, all, apply } = await startWith(stack, "abc");
  const { server } = cluster;
  await apply(
    gateway("edge", ["one", "two", "three", "four"].map((name, index) => tcpListener(name, 9300 + index))),
    gateway("http", [tcpListener("only-http", 5300, { protocol: "HTTP" })]),
    tcpRoute("by-port", [{ name: "edge", port: 9300 }], to("a")),
    tcpRoute("by-section", [{ name: "edge", sectionName: "two" }], to("b")),
    tcpRoute("by-both", [{ name: "edge", sectionName: "three", port: 9302 }], to("c")),
  );
  await cluster.serve(stack);
  for (const [index, name] of ["a", "b", "c"].entries()) await cluster.reaches(9300 + index, name);
  for (const name of ["by-port", "by-section", "by-both"]) {
    await cluster.route("tcproutes", name, "Accepted=True");
  }
  await cluster.listener("edge", "one", "1", "TCPRoute", "Accepted=True", "Programmed=True");

  // TCPRouteParentRefAttachAll, TCPRouteMultipleRoutesAttachment: `creationTimestamp` has seconds.
  const { metadata: { creationTimestamp } } = await cluster.get("tcproutes", "by-port");
  while (Date.now() < Date.parse(creationTimestamp) + 1100) await cluster.ask(9300);
  await apply(tcpRoute("all", EDGE, to("c")));
  await cluster.reaches(9303, "c");
  await cluster.route("tcproutes", "all", "Accepted=True");
  await cluster.listener("edge", "one", "2");
  assert.equal(await cluster.ask(9300), "a");

  // TCPRouteInvalidNonTCPListener
  await apply(tcpRoute("http", [{ name: "http", sectionName: "only-http" }], to("a")));
  await cluster.route("tcproutes", "http", "Accepted=False(NotAllowedByListeners)");
  await cluster.listener("http", "only-http", "0", "Accepted=False(UnsupportedProtocol)");

  // TCPRouteInvalidBackendRefNonexistent, TCPRouteInvalidCrossNamespaceBackendRef, TCPRouteReferenceGrant
  const section = [{ name: "edge", sectionName: "four" }];
  await server.kubectl(["-n", "prod", "delete", "tcproute", "all"]);
  await apply(tcpRoute("backend", section, [{ name: "gone", port: 8080 }]));
  await cluster.route("tcproutes", "backend", "ResolvedRefs=False(BackendNotFound)");
  await cluster.reaches(9303, "");
  const { address } = all[0]!;
  await apply(within("web", service("far", 80)), within("web", slice("far", [address])));
  await apply(tcpRoute("backend", section, [{ name: "far", namespace: "web", port: 80 }]));
  await cluster.route("tcproutes", "backend", "ResolvedRefs=False(RefNotPermitted)");
  const permission = grant("web", ["TCPRoute", "prod"], ["Service"]);
  await apply(permission);
  await cluster.reaches(9303, "a");
  await cluster.route("tcproutes", "backend", "ResolvedRefs=True");
  await server.kubectl(["-n", "web", "delete", "referencegrant", "tcproute-prod"]);
  await cluster.route("tcproutes", "backend", "ResolvedRefs=False(RefNotPermitted)");
  await cluster.reaches(9303, "");

  // TCPRouteWeightedRouting
  const weighted = [["a", 70], ["b", 30], ["c", 0]].map(([name, weight]) => ({ name, port: 80, weight }));
  await apply(tcpRoute("backend", section, weighted));
  await cluster.route("tcproutes", "backend", "ResolvedRefs=True");
  const names: string[] = [];
  for (let client = 0; client < 40; client++) names.push(await cluster.ask(9303));
  assert.deepEqual(countsOf(names), { a: 28, b: 12 });
});

interopTest("sluice gateway and an API server: TLSRoutes", GATEWAY_API, async (stack) => {
  const { cluster, apply } = await startWith(stack, "a");
  const [pass, end] = [certificate("abc.example.com"), certificate("tls.example.com")];
  const p = stack.use(startTlsPod("p", pass));
  await apply(
    service("p", 80),
    slice("p", [p.address]),
    secret("cert", end),
    gateway("edge", [
      endingListener("end", 8883, "tls.example.com", { name: "cert" }),
      tlsListener("pass", 8883, "*.example.com"),
      tlsListener("kinds", 444, undefined, {
        allowedRoutes: { kinds: [{ kind: "TCPRoute" }, { kind: "TLSRoute" }] },
      }),
    ]),
    tlsRoute("pass", [{ name: "edge", sectionName: "pass" }], ["*.com"], to("p")),
    tlsRoute("end", [{ name: "edge", sectionName: "end" }], ["tls.example.com"], to("a")),
    tlsRoute("other", [{ name: "edge", sectionName: "pass" }], ["abc.example.org"], to("p")),
    tlsRoute("section", [{ name: "edge", sectionName: "absent" }], ["abc.example.com"], to("p")),
    tlsRoute("kind", [{ name: "edge", sectionName: "kinds" }], ["x.example.com"], [{
      ...to("p")[0],
      kind: "Pod",
    }]),
    grant("web", ["TLSRoute", "other"], ["Service"]),
    tlsRoute("far", [{ name: "edge", sectionName: "kinds" }], ["y.example.com"], [{
      ...to("p")[0],
      namespace: "web",
    }]),
  );
  await cluster.serve(stack);
  const ask = (name: string, cert: string) => askTls({ hostname: cluster.host, port: 8883 }, name, cert);

  // TLSRouteSimpleSameNamespace, TLSRouteHostnameIntersection
  assert.equal(await ask("abc.example.com", pass.cert), "p");
  await cluster.route("tlsroutes", "pass", "Accepted=True");
  await cluster.route("tlsroutes", "other", "Accepted=False(NoMatchingListenerHostname)");
  await cluster.route("tlsroutes", "section", "Accepted=False(NoMatchingParent)");
  // TLSRouteInvalidBackendRefUnknownKind, TLSRouteInvalidReferenceGrant
  await cluster.route("tlsroutes", "kind", "ResolvedRefs=False(InvalidKind)");
  await cluster.route("tlsroutes", "far", "ResolvedRefs=False(RefNotPermitted)");
  // TLSRouteListenerPassthroughSupportedKinds
  await cluster.listener("edge", "kinds", "TLSRoute", "ResolvedRefs=False(InvalidRouteKinds)");

  // TLSRouteListenerTerminateSupportedKinds, TLSRouteMixedTerminationSameNamespace: only once it may read the Secret.
  await cluster.listener("edge", "end", "ResolvedRefs=False(InvalidCertificateRef)");
  assert.equal(await ask("tls.example.com", end.cert), "");
  await cluster.server.apply(roleOf(blockWith(PAGE, "yaml", "kind: Role"), "cert"));
  await cluster.listener("edge", "end", "TLSRoute,TCPRoute", "ResolvedRefs=True", "Programmed=True");
  assert.equal(await ask("tls.example.com", end.cert), "a");
  assert.equal(await ask("abc.example.com", pass.cert), "p");
});

interopTest(
  "sluice gateway and an API server: what the page shows, and the rights of the manifests",
  GATEWAY_API,
  async (stack) => {
    const { cluster } = await startWith(stack, "a");
    const { server, manifests } = cluster;
    await server.apply(blockWith(PAGE, "yaml", "kind: Gateway"));
    await cluster.serve(stack);
    await cluster.listener("edge", "postgres", "1", "Programmed=True");
    await cluster.listener("edge", "tls", "1", "Programmed=True");
    await cluster.route("tlsroutes", "shop", "ResolvedRefs=False(BackendNotFound)");
    const { status } = await server.request(
      "GET",
      "/apis/gateway.networking.k8s.io/v1/gatewayclasses/sluice",
    );
    assert.equal(status.conditions[0].reason, "Accepted");

    const { metadata, spec } = manifests.get("Deployment sluice-gateway").spec.template;
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { ...metadata, name: "one" }, spec };
    await server.request("POST", "/api/v1/namespaces/sluice/pods?dryRun=All&fieldValidation=Strict", pod);

    const may = (...question: string[]) => mayAccount(server, question);
    assert.equal(await may("patch", "gateways.gateway.networking.k8s.io", "--subresource=status"), true);
    assert.equal(await may("list", "services"), true);
    for (const resource of ["gateways.gateway.networking.k8s.io", "services", "secrets", "pods"]) {
      for (const verb of ["create", "patch", "update", "delete"]) {
        assert.equal(await may(verb, resource), false, `${verb} ${resource}`);
      }
    }
    assert.equal(await may("list", "secrets"), false);
    assert.equal(await may("get", "secrets"), false);
  },
);

interopTest(
  "sluice gateway and an API server: it is killed and comes back, and two programs agree",
  GATEWAY_API,
  async (stack) => {
    const { cluster, all, apply } = await startWith(stack, "ab");
    await apply(gateway("edge", [tcpListener("tcp", 5432)]), tcpRoute("db", EDGE, to("a")));
    const sluice = await cluster.serve(stack);
    assert.equal(await cluster.ask(5432), "a");
    await cluster.route("tcproutes", "db", "Accepted=True");
    await cluster.listener("edge", "tcp", "1", "Programmed=True");

    await cluster.serve(stack, ownAddress());
    await apply(tcpRoute("late", EDGE, to("b")));
    await cluster.route("tcproutes", "late", "Accepted=True");
    await cluster.listener("edge", "tcp", "2");
    const { resourceVersion } = (await cluster.get("gateways", "edge")).metadata;

    await cluster.server.stop();
    await sluice.logged("gateway_api_failed");
    assert.equal(await cluster.ask(5432), "a");
    await cluster.server.startAgain();
    await apply(slice("a", [all[1]!.address]));
    await cluster.reaches(5432, "b");
    // Each write is a new version: neither program has written over the other.
    assert.equal((await cluster.get("gateways", "edge")).metadata.resourceVersion, resourceVersion);
  },
);

function roleOf(role: string, secret: string): string {
  return role.replace("shop-tls", secret);
}

async function mayAccount(server: KubeApiServer, question: string[]): Promise<boolean> {
  const account = ["--as=system:serviceaccount:sluice:sluice-gateway", "-n", "prod"];
  const answer = await server.kubectl(["auth", "can-i", ...account, ...question]).catch((error: Error) =>
    error
  );
  return !(answer instanceof Error) && answer.text.trim() === "yes";
}
