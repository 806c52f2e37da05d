/** Warns of variables `OTEL_*` that Deno ignores without a word, or uses in another way than was meant. */

import type { Log } from "../log/log.ts";
import { readEnv, telemetryAvailability } from "./telemetry.ts";

/** Deno also reads one of each for spans, metrics and logs alone. */
const ENDPOINTS = ["", "TRACES_", "METRICS_", "LOGS_"].map((what) => `OTEL_EXPORTER_OTLP_${what}ENDPOINT`);

/** Milliseconds, with what Deno uses in place of a value that is none. */
const MILLISECONDS = { OTEL_EXPORTER_OTLP_TIMEOUT: 10_000, OTEL_METRIC_EXPORT_INTERVAL: 60_000 };

/** Warns of what keeps spans, metrics or lines of the log from their collector. */
export function warnOfTelemetry(log: Pick<Log, "warn">): void {
  const availability = telemetryAvailability();
  if (availability === "unavailable") {
    log.warn("OTEL_DENO has no effect: this executable was built without OpenTelemetry", {
      event: "telemetry_unavailable",
    });
  }
  if (availability !== "on") return;
  for (const mistake of telemetryMistakes(readEnv)) log.warn(mistake, { event: "telemetry_variable" });
}

/**
 * What is wrong with the environment, each with the variable, its value and the remedy. Deno itself refuses an unknown
 * sampler or protocol, before any program runs.
 *
 * @param read Undefined for a variable that is not set.
 */
export function telemetryMistakes(read: (variable: string) => string | undefined): string[] {
  const check = (variable: string, mistakeIn: (value: string) => string | undefined) => {
    const value = read(variable);
    const mistake = value === undefined ? undefined : mistakeIn(value);
    return mistake === undefined ? [] : [`${variable}=${JSON.stringify(value)}${mistake}`];
  };
  // Deno puts https:// before an endpoint of gRPC.
  const isGrpc = read("OTEL_EXPORTER_OTLP_PROTOCOL") === "grpc";
  const isRatio = read("OTEL_TRACES_SAMPLER")?.trim().endsWith("traceidratio") ?? false;
  return [
    ...isGrpc ? [] : ENDPOINTS.flatMap((variable) => check(variable, endpointMistake)),
    ...isRatio ? check("OTEL_TRACES_SAMPLER_ARG", shareMistake) : [],
    ...Object.entries(MILLISECONDS).flatMap(([variable, preset]) =>
      check(variable, (value) => millisecondsMistake(value, preset))
    ),
  ];
}

function endpointMistake(value: string): string | undefined {
  if (value === "") return ": nothing is exported (unset it, or write the URL of the collector)";
  const isUrl = /^https?:\/\/[^\s/]\S*$/i.test(value) && URL.canParse(value);
  return isUrl
    ? undefined
    : " is not a URL of HTTP: nothing is exported there (write it with http:// or https://)";
}

function shareMistake(value: string): string | undefined {
  const share = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value.trim()) ? Number(value) : NaN;
  if (share >= 0 && share <= 1) return undefined;
  return ` is not a number from 0 to 1: ${
    share < 0 ? "no" : "every"
  } connection gets a span (write 0.1 for a tenth)`;
}

function millisecondsMistake(value: string, preset: number): string | undefined {
  if (/^\+?\d+$/.test(value) && Number(value) > 0) return undefined;
  return ` is not a number of milliseconds above 0: ${preset} is used (write it without a unit)`;
}
