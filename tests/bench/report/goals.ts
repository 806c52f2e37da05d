/** The goals of sluice, and whether it reaches them. */
import type { TargetName } from "./names.ts";
import { type Column, medianOf, ratioOf, type Samples } from "./samples.ts";

/** Whether the figure must be at least or at most the limit. */
type At = "≥" | "≤";

/** A limit for one figure of a target: its ratio to another target, or itself. */
interface Goal {
  readonly name: string;
  readonly column: Column;
  readonly target: TargetName;
  /** The other target of the ratio; null = the figure itself counts. */
  readonly reference: TargetName | null;
  readonly at: At;
  readonly limit: number;
  /** A stricter limit to aim for; null = there is none. */
  readonly stretch: number | null;
  /** The unit of the limits: that of the figure, or the sign of a ratio. */
  readonly unit: string;
}

/** A goal and its result. */
export interface Outcome {
  readonly name: string;
  readonly goal: string;
  readonly stretch: string | null;
  readonly measured: number | null;
  readonly outcome: "stretch reached" | "reached" | "missed" | "not measured";
}

const GOALS: readonly Goal[] = [
  ratio("bulk, one stream", "gbit_per_s", "≥", 1.3, 1.6),
  ratio("bulk, eight streams", "gbit_per_s_8", "≥", 1.3, 1.6),
  ratio("CPU per GB, one stream", "cpu_ms_per_gb", "≤", 0.75, 0.6),
  ratio("CPU per GB, eight streams", "cpu_ms_per_gb_8", "≤", 0.75, 0.6),
  ratio("requests/s", "requests_per_s", "≥", 0.95, 1.1),
  ratio("p99 at 5 000 requests/s", "steady_p99_ms", "≤", 1.2, 1),
  ratio("connections/s", "connections_per_s", "≥", 0.72, 1),
  ratio("CPU per connection", "cpu_us_per_connection", "≤", 1.5, 1),
  figure("idle, before the first byte", "idle_kb", 32, 24, "KB"),
  figure("idle, after a byte each way", "used_kb", 90, 60, "KB"),
  ratio("TLS bulk", "tls_gbit_per_s", "≥", 0.8, 1),
  ratio("TLS handshakes/s", "handshakes_per_s", "≥", 0.7, 1),
  figure("launch to ready", "start_ms", 150, null, "ms"),
  {
    ...ratio("p99 to the first byte, pool to none", "first_byte_p99_ms", "≤", 0.5),
    target: "sluice+pool",
    reference: "sluice",
  },
];

/** A goal against haproxy. */
function ratio(
  name: string,
  column: Column,
  at: At,
  limit: number,
  stretch: number | null = null,
): Goal {
  return {
    name,
    column,
    target: "sluice",
    reference: "haproxy",
    at,
    limit,
    stretch,
    unit: "×",
  };
}

/** A goal that is the upper limit of a figure. */
function figure(
  name: string,
  column: Column,
  limit: number,
  stretch: number | null,
  unit: string,
): Goal {
  return {
    name,
    column,
    target: "sluice",
    reference: null,
    at: "≤",
    limit,
    stretch,
    unit: ` ${unit}`,
  };
}

/** Compares the figures with the goals. */
export function outcomes(samples: Samples): Outcome[] {
  return GOALS.map((goal) => {
    const { name, column, target, reference } = goal;
    const measured = reference === null
      ? medianOf(samples, target, column)
      : ratioOf(samples, target, reference, column);
    return {
      name,
      goal: spell(goal, goal.limit),
      stretch: goal.stretch === null ? null : spell(goal, goal.stretch),
      measured,
      outcome: judge(goal, measured),
    };
  });
}

function judge({ at, limit, stretch }: Goal, measured: number | null): Outcome["outcome"] {
  const reaches = (value: number, aim: number) => at === "≥" ? value >= aim : value <= aim;
  if (measured === null) return "not measured";
  if (!reaches(measured, limit)) return "missed";
  return stretch !== null && reaches(measured, stretch) ? "stretch reached" : "reached";
}

function spell({ at, unit }: Goal, limit: number): string {
  return `${at} ${limit}${unit}`;
}
