/** Those who read the dashboard and the ServiceMonitor know each of their fields. */

import assert from "node:assert/strict";
import { interopTest, type Needs, run } from "../../support/interop.ts";
import { readDashboard } from "../../support/docs/monitoring.ts";
import { HELM, template } from "./helm.ts";
import { buildOverlay, KUBECTL, type Manifest } from "./manifests.ts";

/** The program of the folder decode; `deno task kube` builds it, and sets this. */
const BINARY = Deno.env.get("SLUICE_DECODER") ?? "/SLUICE_DECODER";
const DECODER: Needs = { needs: [BINARY], install: "deno task kube" };

type Kind = "dashboard" | "service-monitor";

interopTest("Grafana's SDK knows each field of the dashboard, its panels and queries", DECODER, async () => {
  await decode("dashboard", readDashboard());
});

interopTest(
  "the check of the dashboard finds a field that Grafana does not know, at any depth",
  DECODER,
  async () => {
    const changes: Record<string, (dashboard: Manifest, panel: Manifest) => void> = {
      "Dashboard: unexpected field 'x'": (dashboard) => dashboard.x = 1,
      "Panel: unexpected field 'x'": (_, panel) => panel.x = 1,
      "VizLegendOptions: unexpected field 'x'": (_, panel) => panel.options.legend.x = 1,
      "GraphFieldConfig: unexpected field 'x'": (_, panel) => panel.fieldConfig.defaults.custom.x = 1,
      "Dataquery: unexpected field 'x'": (_, panel) => panel.targets[0].x = 1,
      "title: json: cannot unmarshal number": (_, panel) => panel.title = 1,
    };
    for (const [found, change] of Object.entries(changes)) {
      const dashboard: Manifest = readDashboard();
      change(dashboard, dashboard.panels.find(({ type }: Manifest) => type === "timeseries"));
      await refused("dashboard", dashboard, found);
    }
  },
);

interopTest(
  "the Prometheus Operator knows each field of the ServiceMonitor of kustomize and of the Helm chart",
  { needs: [...DECODER.needs, ...HELM.needs], install: DECODER.install },
  async () => {
    const objects = [
      await buildOverlay("edge"),
      await template("sluice", ["--set=serviceMonitor.enabled=true"]),
    ];
    for (const object of objects) await decode("service-monitor", object.get("ServiceMonitor sluice"));
  },
);

interopTest(
  "the check of the ServiceMonitor finds a field that the Prometheus Operator does not know, and two ways to authorize",
  { needs: [...DECODER.needs, ...KUBECTL.needs], install: DECODER.install },
  async () => {
    const monitor = (await buildOverlay("edge")).get("ServiceMonitor sluice");
    const [endpoint] = monitor.spec.endpoints;
    const changed = (change: Manifest) => ({
      ...monitor,
      spec: { ...monitor.spec, endpoints: [{ ...endpoint, ...change }] },
    });
    await decode("service-monitor", changed({}));
    await refused("service-monitor", changed({ intervall: "30s" }), 'unknown field "intervall"');
    const { credentials } = endpoint.authorization;
    const basic = { basicAuth: { username: credentials, password: credentials } };
    await refused(
      "service-monitor",
      changed(basic),
      "authorization and basicAuth cannot be configured at the same time",
    );
  },
);

/** @throws {Error} with what is wrong. */
async function decode(kind: Kind, value: unknown): Promise<void> {
  await run(BINARY, [kind], { input: JSON.stringify(value) });
}

async function refused(kind: Kind, value: unknown, found: string): Promise<void> {
  await assert.rejects(decode(kind, value), (error: Error) => {
    assert.ok(error.message.includes(found), error.message);
    return true;
  });
}
