/**
 * The OpenTelemetry of Deno (https://docs.deno.com/runtime/fundamentals/open_telemetry/), which exports over OTLP. The
 * environment switches it on and configures it, with the standard variables `OTEL_*`.
 */

/** The parts of `Deno.telemetry` that are used. Deno declares them as `any`: OpenTelemetry has types of its own. */
export interface Telemetry {
  readonly tracerProvider: { getTracer(name: string, version?: string): Tracer };
  readonly meterProvider: { getMeter(name: string, version?: string): Meter };
}

export interface Tracer {
  startSpan(name: string, options: SpanOptions): Span;
}

export interface SpanOptions {
  /** Not a child of what is active. */
  readonly root: true;
  readonly kind: number;
  /** Milliseconds since 1970, as all times of spans. */
  readonly startTime: number;
}

export interface Span {
  spanContext(): { readonly traceFlags: number };
  setAttributes(attributes: Attributes): void;
  addEvent(name: string, time: number): void;
  setStatus(status: { readonly code: number; readonly message: string }): void;
  end(time: number): void;
}

/** A `bigint` is exported as an integer, and a `number` as a floating point number. */
export type Attributes = Readonly<Record<string, string | number | bigint | undefined>>;

export interface Meter {
  createObservableCounter(name: string, options: { readonly description: string }): Instrument;
  createObservableGauge(name: string, options: { readonly description: string }): Instrument;
  addBatchObservableCallback(observe: Observe, instruments: readonly Instrument[]): void;
  removeBatchObservableCallback(observe: Observe, instruments: readonly Instrument[]): void;
}

/** Opaque: only passed back to Deno. */
export type Instrument = object;

export type Observe = (result: {
  observe(instrument: Instrument, value: number, attributes: Readonly<Record<string, string>>): void;
}) => void;

/** The name of the instrumentation scope. */
export const SCOPE = "sluice";

/**
 * `unavailable`: the environment asks for it, but this executable cannot export. Deno decides that when it compiles
 * one: https://github.com/denoland/deno/issues/28839.
 */
export type Availability = "on" | "off" | "unavailable";

/** Whether telemetry is on. Programs without the permission to read `OTEL_DENO` export nothing. */
export function telemetryAvailability(): Availability {
  if (!isSet("OTEL_DENO", "true") || isSet("OTEL_SDK_DISABLED", "true")) return "off";
  try {
    // Throws where it is not initialised. A span that does not end is not exported.
    const options = { root: true, kind: 0, startTime: Date.now() } as const;
    (Deno.telemetry as Telemetry).tracerProvider.getTracer(SCOPE).startSpan("probe", options);
    return "on";
  } catch {
    return "unavailable";
  }
}

/** Undefined if telemetry, or this part of it, is off. */
export function activeTelemetry(what: "TRACING" | "METRICS" | "CONSOLE"): Telemetry | undefined {
  if (isSet(`OTEL_DENO_${what}`, "false")) return undefined;
  return telemetryAvailability() === "on" ? Deno.telemetry : undefined;
}

/** As Deno compares: in upper or lower case. */
function isSet(variable: string, value: "true" | "false"): boolean {
  return readEnv(variable)?.toLowerCase() === value;
}

/** Undefined also if reading it is not permitted. */
export function readEnv(variable: string): string | undefined {
  // Without this, Deno may prompt the user for the permission.
  if (Deno.permissions.querySync({ name: "env", variable }).state !== "granted") return undefined;
  return Deno.env.get(variable);
}
