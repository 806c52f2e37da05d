/** Prometheus evaluates the alerts of docs/deploy, and parses the expressions of the dashboard. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Admin } from "../../support/program/admin.ts";
import { NamedServers } from "../../support/peers/named_server.ts";
import { Sluice } from "../../support/program/program.ts";
import { interopTest, run } from "../../support/interop.ts";
import {
  expressionsOf,
  PROMETHEUS_FOLDER,
  readAlerts,
  readDashboard,
  withoutVariables,
} from "../../support/docs/monitoring.ts";

const PROMTOOL = { needs: ["promtool"], install: "apt-get install prometheus" };

interopTest(
  "an endpoint that is down raises an alert, and one that an operator took out does not",
  PROMTOOL,
  async (stack) => {
    const members = stack.use(await NamedServers.start("abcd"));
    const [a, b, c, d] = members.all;
    for (const each of [b!, c!, d!]) each.answer = () => "-DOWN";
    const sluice = stack.use(
      await Sluice.withConfig(`
log: { format: json }
admin: { listen: "127.0.0.1:0" }
upstreams: { group: { endpoints: [${members.endpoints.join(", ")}],
  health_check: { interval: 20ms, send: PING, expect: "+PONG" } } }
services: [{ name: test, listen: 0, upstream: group }]
`),
    );
    const admin = new Admin(sluice);
    await sluice.loggedEvents("endpoint_down", 3);
    await admin.setEndpoint(c!.address, "drain");
    await admin.setEndpoint(d!.address, "down");
    const metrics = await admin.metrics();
    const series = [...metrics.families.values()]
      .flatMap(({ samples }) => samples)
      .filter(({ name }) => name.startsWith("sluice_endpoint_"))
      .map(({ name, labels, value }) => ({ series: seriesOf(name, labels), values: `${value}x10` }));
    assert.ok(series.some((each) => each.series.includes(a!.address)));

    const directory = await Deno.makeTempDir();
    stack.defer(() => Deno.remove(directory, { recursive: true }));
    await Deno.copyFile(new URL("alerts.yaml", PROMETHEUS_FOLDER), join(directory, "alerts.yaml"));
    const test = {
      rule_files: ["alerts.yaml"],
      evaluation_interval: "1m",
      tests: [{
        interval: "1m",
        input_series: series,
        alert_rule_test: [{
          eval_time: "5m",
          alertname: "SluiceEndpointDown",
          exp_alerts: [{
            exp_labels: { instance: "proxy", upstream: "group", endpoint: b!.address, severity: "warning" },
            exp_annotations: {
              summary: `${b!.address} of group is down`,
              description: "Checks or connections of proxy fail. `sluice status` shows the last result.",
            },
          }],
        }],
      }],
    };
    // JSON is valid YAML.
    await Deno.writeTextFile(join(directory, "test.yaml"), JSON.stringify(test));
    await run("promtool", ["test", "rules", "test.yaml"], { cwd: directory });
  },
);

interopTest("every alert fires when it should, and not otherwise", PROMTOOL, async () => {
  const cwd = fileURLToPath(PROMETHEUS_FOLDER);
  const examples = await Deno.readTextFile(join(cwd, "alerts_test.yaml"));
  for (const { alert } of readAlerts()) assert.match(examples, new RegExp(`alertname: ${alert}$`, "m"));
  await run("promtool", ["check", "rules", "alerts.yaml"], { cwd });
  await run("promtool", ["test", "rules", "alerts_test.yaml"], { cwd });
});

interopTest("Prometheus parses every expression of the dashboard", PROMTOOL, async (stack) => {
  const rules = expressionsOf(readDashboard()).map(({ expr }, index) => ({
    record: `panel:${index}`,
    expr: withoutVariables(expr),
  }));
  const directory = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(directory, { recursive: true }));
  const file = join(directory, "panels.yaml");
  await Deno.writeTextFile(file, JSON.stringify({ groups: [{ name: "panels", rules }] }));
  const { text } = await run("promtool", ["check", "rules", file]);
  assert.match(text, new RegExp(`${rules.length} rules found`));
});

function seriesOf(name: string, labels: Readonly<Record<string, string>>): string {
  return `${name}{instance="proxy",${
    Object.entries(labels).map(([key, value]) => `${key}="${value}"`).join(",")
  }}`;
}
