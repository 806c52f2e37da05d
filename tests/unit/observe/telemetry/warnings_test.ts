import assert from "node:assert/strict";
import { telemetryMistakes } from "../../../../src/observe/telemetry/warnings.ts";

for (
  const [variables, expected] of [
    [{}, []],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318" }, []],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "HTTPS://[::1]:4318/otlp/" }, []],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4317", OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }, []],
    [{ OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "1e-3" }, []],
    [{ OTEL_TRACES_SAMPLER: "traceidratio" }, []],
    [{ OTEL_TRACES_SAMPLER: "always_off", OTEL_TRACES_SAMPLER_ARG: "10%" }, []],
    [{ OTEL_EXPORTER_OTLP_TIMEOUT: "500", OTEL_METRIC_EXPORT_INTERVAL: "1000" }, []],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318" }, [
      'OTEL_EXPORTER_OTLP_ENDPOINT="collector:4318" is not a URL of HTTP: nothing is exported there (write it ' +
      "with http:// or https://)",
    ]],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: " http://a" }, [
      'OTEL_EXPORTER_OTLP_ENDPOINT="http://" is not a URL of HTTP: nothing is exported there (write it with ' +
      "http:// or https://)",
      'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=" http://a" is not a URL of HTTP: nothing is exported there (write ' +
      "it with http:// or https://)",
    ]],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "" }, [
      'OTEL_EXPORTER_OTLP_ENDPOINT="": nothing is exported (unset it, or write the URL of the collector)',
    ]],
    [{ OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: "10%" }, [
      'OTEL_TRACES_SAMPLER_ARG="10%" is not a number from 0 to 1: every connection gets a span (write 0.1 for ' +
      "a tenth)",
    ]],
    [{ OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "-1" }, [
      'OTEL_TRACES_SAMPLER_ARG="-1" is not a number from 0 to 1: no connection gets a span (write 0.1 for a tenth)',
    ]],
    [{ OTEL_EXPORTER_OTLP_TIMEOUT: "10s", OTEL_METRIC_EXPORT_INTERVAL: "0" }, [
      'OTEL_EXPORTER_OTLP_TIMEOUT="10s" is not a number of milliseconds above 0: 10000 is used (write it ' +
      "without a unit)",
      'OTEL_METRIC_EXPORT_INTERVAL="0" is not a number of milliseconds above 0: 60000 is used (write it ' +
      "without a unit)",
    ]],
  ] as const satisfies readonly [Readonly<Record<string, string>>, string[]][]
) {
  const names = Object.entries(variables).map(([name, value]) => `${name}=${value}`).join(" ");
  Deno.test(`telemetryMistakes() finds ${expected.length} in: ${names || "nothing"}`, () => {
    assert.deepEqual(telemetryMistakes((name) => (variables as Record<string, string>)[name]), expected);
  });
}
