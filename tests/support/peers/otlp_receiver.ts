/** A collector of OpenTelemetry: takes OTLP over HTTP in JSON (https://opentelemetry.io/docs/specs/otlp/#otlphttp). */

export interface OtlpSpan {
  readonly name: string;
  readonly traceId: string;
  readonly parentSpanId: string;
  readonly kind: number;
  readonly attributes: readonly OtlpAttribute[];
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly events: readonly { readonly name: string; readonly timeUnixNano: string }[];
  readonly status: { readonly code: number; readonly message: string };
}

interface OtlpAttribute {
  readonly key: string;
  readonly value: {
    readonly stringValue?: string;
    readonly intValue?: string;
    readonly doubleValue?: number;
  };
}

interface OtlpMetric {
  readonly name: string;
  readonly sum?: Points;
  readonly gauge?: Points;
}

interface Points {
  readonly dataPoints: readonly {
    readonly attributes: readonly OtlpAttribute[];
    readonly asDouble?: number;
    readonly asInt?: string;
  }[];
}

interface OtlpLine {
  readonly severityText: string;
  readonly body: { readonly stringValue: string };
}

export class OtlpReceiver implements AsyncDisposable {
  readonly spans: OtlpSpan[] = [];
  readonly lines: OtlpLine[] = [];
  /** The last value of each series, by name and labels. */
  readonly metrics = new Map<string, number>();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    this.#server = Deno.serve(options, async (request) => {
      this.#take(new URL(request.url).pathname, await request.json());
      return Response.json({});
    });
  }

  /** The environment of a program that exports to it. */
  get env(): Record<string, string> {
    return {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${this.#server.addr.port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_BSP_SCHEDULE_DELAY: "50",
      OTEL_BLRP_SCHEDULE_DELAY: "50",
      OTEL_METRIC_EXPORT_INTERVAL: "100",
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  // deno-lint-ignore no-explicit-any -- what the paths of the protocol bring
  #take(path: string, { resourceSpans = [], resourceMetrics = [], resourceLogs = [] }: any): void {
    for (const { scopeSpans } of resourceSpans) {
      for (const { spans } of scopeSpans) this.spans.push(...spans);
    }
    for (const { scopeLogs } of resourceLogs) {
      for (const { logRecords } of scopeLogs) this.lines.push(...logRecords);
    }
    for (const { scopeMetrics } of resourceMetrics) {
      for (const { metrics } of scopeMetrics) (metrics as OtlpMetric[]).forEach((each) => this.#keep(each));
    }
    if (!/^\/v1\/(traces|metrics|logs)$/.test(path)) throw new Error(`No path of OTLP: ${path}`);
  }

  #keep({ name, sum, gauge }: OtlpMetric): void {
    for (const { attributes, asDouble, asInt } of (sum ?? gauge)?.dataPoints ?? []) {
      this.metrics.set(seriesKey(name, attributesOf({ attributes })), asDouble ?? Number(asInt));
    }
  }
}

/** The attributes of a span or data point, integers as numbers. */
export function attributesOf(
  { attributes }: { readonly attributes: readonly OtlpAttribute[] },
): Record<string, string | number> {
  return Object.fromEntries(attributes.map(({ key, value: { stringValue, intValue, doubleValue } }) => [
    key,
    stringValue ?? doubleValue ?? Number(intValue),
  ]));
}

/** A name for a series, whatever the order of its labels. */
export function seriesKey(name: string, labels: Readonly<Record<string, string | number>>): string {
  return JSON.stringify([name, ...Object.entries(labels).toSorted(([a], [b]) => a < b ? -1 : 1)]);
}
