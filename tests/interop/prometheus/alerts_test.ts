/** The alerts that the documentation gives, as Prometheus understands them. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Admin } from "../../support/program/admin.ts";
import { NamedServers } from "../../support/peers/named_server.ts";
import { Sluice } from "../../support/program/program.ts";
import { interopTest, run } from "../../support/interop.ts";

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
    const docs = await Deno.readTextFile(new URL("../../../docs/metrics.md", import.meta.url));
    const rules = /```yaml\n(groups:\n[^]*?)```/.exec(docs)![1]!;
    await Deno.writeTextFile(join(directory, "rules.yaml"), rules);
    const test = {
      rule_files: ["rules.yaml"],
      evaluation_interval: "1m",
      tests: [{
        interval: "1m",
        input_series: series,
        alert_rule_test: [{
          eval_time: "5m",
          alertname: "SluiceEndpointDown",
          exp_alerts: [{ exp_labels: { upstream: "group", endpoint: b!.address } }],
        }],
      }],
    };
    // YAML takes JSON as it is.
    await Deno.writeTextFile(join(directory, "test.yaml"), JSON.stringify(test));
    await run("promtool", ["check", "rules", "rules.yaml"], { cwd: directory });
    await run("promtool", ["test", "rules", "test.yaml"], { cwd: directory });
  },
);

function seriesOf(name: string, labels: Readonly<Record<string, string>>): string {
  return `${name}{${Object.entries(labels).map(([key, value]) => `${key}="${value}"`).join(",")}}`;
}
