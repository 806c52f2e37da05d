/** The conformance suite of the Gateway API, as its project builds it, against `sluice gateway`. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { blockWith } from "../../../support/docs/page.ts";
import { interopTest, type Needs, spawn } from "../../../support/interop.ts";
import { temporaryDirectory } from "../../../support/program/directory.ts";
import { GATEWAY_API, GatewayCluster, MACHINE } from "../gateway_cluster.ts";
import { Nodes } from "./nodes.ts";

/** A folder with the suite and the program of its pods; `deno task kube` builds both, and sets this. */
const PROGRAMS = Deno.env.get("SLUICE_GATEWAY_CONFORMANCE");
const [SUITE, ECHO_BASIC] = ["suite", "echo-basic"].map((name) => join(PROGRAMS ?? "/nonexistent", name));

const CONFORMANCE: Needs = { ...GATEWAY_API, needs: [...GATEWAY_API.needs, SUITE!, ECHO_BASIC!] };

const OPTIONS = fileURLToPath(new URL("options.yaml", import.meta.url));
const REPORT = fileURLToPath(new URL("../../../../dist/gateway-conformance.yaml", import.meta.url));

/** It takes a minute and a half on an idle machine. */
const DEADLINE = 600_000;

const NAMESPACE = "gateway-conformance-infra";
/** The Secret of the suite's listeners that end TLS. */
const SECRET = "tls-terminate-checks-certificate";

const PASSED = [
  "TCPRouteInvalidBackendRefNonexistent",
  "TCPRouteInvalidCrossNamespaceBackendRef",
  "TCPRouteInvalidNonTCPListener",
  "TCPRouteMultipleRoutesAttachment",
  "TCPRouteParentRefAttachAll",
  "TCPRouteParentRefPortAndSectionName",
  "TCPRouteReferenceGrant",
  "TCPRouteWeightedRouting",
  "TLSRouteHostnameIntersection",
  "TLSRouteInvalidBackendRefNonexistent",
  "TLSRouteInvalidBackendRefUnknownKind",
  "TLSRouteInvalidNoMatchingListener",
  "TLSRouteInvalidNoMatchingListenerHostname",
  "TLSRouteInvalidReferenceGrant",
  "TLSRouteListenerPassthroughSupportedKinds",
  "TLSRouteListenerTerminateSupportedKinds",
  "TLSRouteMixedTerminationSameNamespace",
  "TLSRouteSimpleSameNamespace",
  "TLSRouteTerminateSimpleSameNamespace",
];
/** For gateways that do not end TLS, or not beside other listeners; the suite counts them as passed. */
const NOTHING_TO_TEST = [
  "TLSRouteListenerMixedTerminationNotSupported",
  "TLSRouteListenerTerminateNotSupported",
];

interopTest(
  "sluice gateway passes the tests of the conformance suite for TCPRoute and TLSRoute",
  CONFORMANCE,
  async (stack) => {
    const cluster = await GatewayCluster.start(stack);
    const { server, host } = cluster;
    await server.kubectl(["create", "namespace", NAMESPACE]);
    const role = blockWith("docs/deploy/gateway.md", "yaml", "kind: Role").replaceAll(
      "namespace: prod",
      `namespace: ${NAMESPACE}`,
    );
    await server.apply(role.replace("shop-tls", SECRET));
    const nodes = stack.use(new Nodes({ server, host: MACHINE!, echoBasic: ECHO_BASIC! }));
    const sluice = await cluster.serve(stack, host, host);

    // The suite reads the features of the class once, when it begins.
    await server.kubectl(["wait", "--for=condition=Accepted", "gatewayclass/sluice"]);
    const kubeconfig = await server.kubeconfig();
    const { code, log } = await Promise.race([runSuite(stack, kubeconfig), nodes.failed]);
    const results = Object.groupBy(resultsIn(log), ({ result }) => result);
    const failed = results.FAIL ?? [];
    for (const { name } of failed) console.error(logOf(log, name));
    assert.deepEqual(failed, []);
    assert.equal(code, 0, log.slice(-4000));
    const passed = (results.PASS ?? []).map(({ name }) => name).sort();
    assert.deepEqual(passed, [...PASSED, ...NOTHING_TO_TEST].sort());
    assert.doesNotMatch(sluice.stderr, /"level":"error"/);

    const report = parse(await Deno.readTextFile(REPORT));
    console.log(
      `The conformance suite ${report.gatewayAPIVersion}: ${passed.length} tests passed; ${REPORT}`,
    );
    const profiles = new Map<string, Profile>(report.profiles.map((each: Profile) => [each.name, each]));
    for (const name of ["GATEWAY-TCP", "GATEWAY-TLS"]) {
      const { core, extended } = profiles.get(name)!;
      assert.equal(core.statistics.Failed + (extended?.statistics.Failed ?? 0), 0, name);
    }
  },
  { deadline: DEADLINE },
);

interface Profile {
  readonly name: string;
  readonly core: Status;
  readonly extended?: Status;
}

interface Status {
  readonly statistics: { readonly Failed: number; readonly Passed: number; readonly Skipped: number };
}

async function runSuite(stack: AsyncDisposableStack, kubeconfig: string) {
  const folder = stack.use(await temporaryDirectory());
  await Deno.mkdir(join(REPORT, ".."), { recursive: true });
  const args = [
    "-test.v",
    "-test.run=^TestConformance$",
    `-test.timeout=${DEADLINE}ms`,
    `-conformance-options-file=${OPTIONS}`,
    `-report-output=${REPORT}`,
  ];
  const child = spawn(SUITE!, args, { cwd: folder.path, env: { KUBECONFIG: kubeconfig } });
  let hasEnded = false;
  stack.defer(() => {
    if (!hasEnded) child.kill("SIGKILL");
  });
  const { code, stdout, stderr } = await child.output();
  hasEnded = true;
  const [text, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, log: `${text}${errors}` };
}

/** What became of each test. */
function resultsIn(log: string) {
  return Array.from(
    log.matchAll(/^ {4}--- (PASS|FAIL|SKIP): TestConformance\/(\w+) /gm),
    ([, result, name]) => ({ result: result as "PASS" | "FAIL" | "SKIP", name: name! }),
  );
}

/** The lines of one test: they run one after the other. */
function logOf(log: string, name: string): string {
  const start = log.indexOf(`=== RUN   TestConformance/${name}\n`);
  const next = log.slice(start + 1).search(/^=== RUN {3}TestConformance\/\w+$/m);
  return next < 0 ? log.slice(start) : log.slice(start, start + 1 + next);
}
