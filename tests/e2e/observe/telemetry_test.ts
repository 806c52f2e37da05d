/** What the program exports over OTLP. */

import assert from "node:assert/strict";
import { eventually } from "../../support/eventually.ts";
import { attributesOf, OtlpReceiver, type OtlpSpan, seriesKey } from "../../support/peers/otlp_receiver.ts";
import {
  connect,
  echo,
  endOf,
  readText,
  refusingAddress,
  upstream,
  writeText,
} from "../../support/peers/sockets.ts";
import { Admin } from "../../support/program/admin.ts";
import { readPages } from "../../support/docs/page.ts";
import { runSluice, Sluice } from "../../support/program/program.ts";

/** Deno decides about OpenTelemetry when it compiles an executable. */
const ignore = Deno.env.has("SLUICE_BIN");

Deno.test({
  name: "with OTEL_DENO, a span for each connection and the metrics of /metrics are exported",
  ignore,
  fn: async () => {
    await using receiver = new OtlpReceiver();
    await using server = upstream(echo);
    await using down = await refusingAddress();
    await using sluice = await Sluice.withConfig(
      `admin: { listen: "127.0.0.1:0" }
services:
  - { name: echo, listen: "127.0.0.1:0", upstream: "${server.address}" }
  - { name: down, listen: "127.0.0.1:0", upstream: "${down.address}" }
`,
      [],
      { env: receiver.env },
    );
    const began = Date.now();
    using client = await connect(sluice.port());
    await writeText(client, "hello");
    await readText(client, 5);
    client.close();
    using refused = await connect(sluice.port(1));
    await endOf(refused);

    const spans = await eventually("two spans", () => ofConnections(receiver), ({ length }) => length === 2);
    const span = spans.find(({ name }) => name === "connection echo")!;
    const attributes = attributesOf(span);
    assert.deepEqual(
      [
        "client.address",
        "client.port",
        "network.transport",
        "network.type",
        "network.local.port",
        "server.address",
      ]
        .map((name) => attributes[name]),
      ["127.0.0.1", client.localAddr.port, "tcp", "ipv4", sluice.port(), "127.0.0.1"],
    );
    assert.deepEqual(
      [
        "server.port",
        "sluice.service",
        "sluice.reason",
        "sluice.bytes_from_client",
        "sluice.bytes_from_upstream",
      ]
        .map((name) => attributes[name]),
      [server.port, "echo", "client_closed", 5, 5],
    );
    assert.deepEqual([span.kind, span.parentSpanId, span.status.code], [2, "", 0]);
    const names = ["accept", "connect", "first byte from client", "first byte from upstream", "close"];
    assert.deepEqual(span.events.map(({ name }) => name).toSorted(), names.toSorted());
    const times = names.map((name) => Number(span.events.find((event) => event.name === name)!.timeUnixNano));
    assert.deepEqual(times, times.toSorted((a, b) => a - b));
    assert.ok(times[0]! / 1e6 >= began - 1, `${times[0]} before ${began}`);
    assert.equal(span.endTimeUnixNano, span.events.find(({ name }) => name === "close")!.timeUnixNano);

    const failed = spans.find(({ name }) => name === "connection down")!;
    assert.notEqual(failed.traceId, span.traceId);
    assert.equal(attributesOf(failed)["error.type"], "connection_refused");
    assert.equal(failed.status.code, 2);
    assert.ok(!failed.events.some(({ name }) => name === "connect"));

    const metrics = await new Admin(sluice).metrics();
    const samples = [...metrics.families.values()].flatMap(({ samples }) => samples)
      .filter(({ name }) => !/^process_|event_loop/.test(name));
    assert.ok(samples.length > 30, `only ${samples.length} samples`);
    await eventually(
      "the metrics of /metrics",
      () =>
        samples.filter(({ name, labels, value }) => receiver.metrics.get(seriesKey(name, labels)) !== value),
      ({ length }) => length === 0,
    );
    // Killed at the end: Deno 2.9.6 may never exit while it exports metrics.
  },
});

Deno.test({
  name: "OTEL_DENO_CONSOLE=replace exports the lines of the log, OTEL_TRACES_SAMPLER leaves spans out",
  ignore,
  fn: async () => {
    await using receiver = new OtlpReceiver();
    await using server = upstream(echo);
    const env = {
      ...receiver.env,
      OTEL_DENO_METRICS: "false",
      OTEL_DENO_CONSOLE: "replace",
      OTEL_TRACES_SAMPLER: "always_off",
    };
    await using sluice = await Sluice.before(server.address, [], { env });
    using client = await connect(sluice.port());
    await writeText(client, "hello");
    await readText(client, 5);
    client.close();
    await sluice.logged("client closed");
    await sluice.stop();
    const line = receiver.lines.find(({ body }) => body.stringValue.includes("event=connection_closed"));
    assert.ok(line, JSON.stringify(receiver.lines));
    assert.equal(line.severityText, "INFO");
    assert.match(line.body.stringValue, /^test: closed, client closed event=connection_closed service=test/);
    assert.deepEqual(ofConnections(receiver), []);
  },
});

Deno.test({
  name: "variables of OpenTelemetry that Deno does not use are named at the start",
  ignore,
  fn: async () => {
    const env = {
      OTEL_DENO: "true",
      OTEL_DENO_METRICS: "false",
      OTEL_EXPORTER_OTLP_ENDPOINT: "tcp://[::1]:1",
    };
    await using sluice = await Sluice.start(["127.0.0.1:0=127.0.0.1:1"], { env });
    const line = await sluice.logged("OTEL_EXPORTER_OTLP_ENDPOINT=");
    assert.match(line, /"tcp:\/\/\[::1\]:1" is not a URL of HTTP.* event=telemetry_variable/);
  },
});

Deno.test({
  name: "the variables of docs/deploy/observe.md export a share of the spans, and the log",
  ignore,
  fn: async () => {
    await using receiver = new OtlpReceiver();
    const { OTEL_METRIC_EXPORT_INTERVAL: _, ...ofReceiver } = receiver.env;
    const page = readPages().find(({ path }) => path === "docs/deploy/observe.md")!;
    const [block, ...others] = page.blocks.filter(({ language }) => language === "ini");
    assert.deepEqual(others, []);
    const shown = Object.fromEntries(block!.code.trim().split("\n").map((line) => line.split("=")));
    assert.ok("OTEL_EXPORTER_OTLP_ENDPOINT" in shown && shown.OTEL_TRACES_SAMPLER === "traceidratio");
    // All of it as printed, but the address of the collector.
    await using sluice = await Sluice.start(["127.0.0.1:0=127.0.0.1:1"], {
      env: { ...shown, ...ofReceiver },
    });
    for (let count = 0; count < 100; count++) {
      using client = await connect(sluice.port());
      await endOf(client);
    }
    const { stderr } = await sluice.stop();
    assert.doesNotMatch(stderr, /telemetry_variable|not recognized/);
    const spans = ofConnections(receiver).length;
    // A share of 0.1: the chance of any other number is one in ten thousand.
    assert.ok(spans > 0 && spans < 35, `${spans} spans of 100 connections`);
    assert.ok(receiver.lines.some(({ body }) => body.stringValue.includes("event=connection_failed")));
    assert.equal(receiver.metrics.size, 0);
  },
});

/** What docs/troubleshooting.md says of these: the program does not get as far as sluice. */
for (
  const [variable, value, message] of [
    ["OTEL_TRACES_SAMPLER", "some", "specifies an unsupported sampler: some"],
    ["OTEL_EXPORTER_OTLP_PROTOCOL", "http", "specifies an unsupported protocol: http"],
  ] as const
) {
  Deno.test({
    name: `Deno ends with code 1 because of ${variable}=${value}, in silence with OTEL_DENO_CONSOLE=replace`,
    ignore,
    fn: async () => {
      const env = { OTEL_DENO: "true", [variable]: value };
      const { code, stderr } = await runSluice(["version"], { env });
      assert.ok(code === 1 && stderr.includes(`error: Env var ${variable} ${message}`), `${code}: ${stderr}`);
      const silent = await runSluice(["version"], { env: { ...env, OTEL_DENO_CONSOLE: "replace" } });
      assert.deepEqual(silent, { code: 1, stdout: "", stderr: "" });
    },
  });
}

function ofConnections({ spans }: OtlpReceiver): OtlpSpan[] {
  return spans.filter(({ name }) => name.startsWith("connection "));
}
