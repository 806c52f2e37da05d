/** The names of the targets and loads, and which loads each target gets. */

/** The loads of the bench. */
export const LOAD_TABLE = {
  bulk: "one stream as fast as it goes (iperf3)",
  bulk8: "eight streams (iperf3 -P 8)",
  requests: "50 clients, each waiting for its answer (redis-benchmark)",
  latency: "5 000 requests/s at set times, however late the answers are",
  beside: "one small request after the other beside eight bulk streams (socat), four clients",
  connections: "50 at a time, one small request on each (ab)",
  "tls-bulk": "one TLS stream, as fast as it goes (openssl s_client)",
  handshakes: "TLS connections, 50 at a time, one small request on each (ab)",
  pool: "clients of an upstream that speaks first, 5 ms after it accepted",
  idle: "memory of 2 000 connections",
  growth: "requests with 10 to 5 000 clients",
  start: "from launch to ready",
} as const;

export type LoadName = keyof typeof LOAD_TABLE;
export const LOADS = Object.keys(LOAD_TABLE) as LoadName[];

/** All targets. */
export const TARGETS = [
  "direct",
  "sluice",
  "sluice engine: deno",
  "sluice+pool",
  "sluice faults: true",
  "sluice+latency",
  "sluice+spans",
  "sluice+spans 10 %",
  "haproxy",
  "nginx",
  "pingora",
  "toxiproxy",
  "toxiproxy+latency",
  "socat",
  "node",
  "bare Deno",
  "sluice 2 threads",
  "haproxy 2 threads",
] as const;
export type TargetName = typeof TARGETS[number];

/** Targets with one thread and no special setting. */
export const PLAIN_TARGETS: readonly TargetName[] = [
  "direct",
  "sluice",
  "haproxy",
  "nginx",
  "pingora",
  "toxiproxy",
  "socat",
  "node",
];

/** The same, and the leanest relay on Deno. */
export const RELAY_TARGETS: readonly TargetName[] = [...PLAIN_TARGETS, "bare Deno"];

/** Targets that terminate TLS. */
export const TLS_TARGETS: readonly TargetName[] = ["sluice", "sluice engine: deno", "haproxy", "nginx"];

/** Targets with two threads. */
export const THREADED_TARGETS: readonly TargetName[] = ["sluice 2 threads", "haproxy 2 threads"];

/** Faults: what it costs to permit them, and to have one, here and in toxiproxy. */
export const FAULT_TARGETS: readonly TargetName[] = [
  "sluice",
  "sluice faults: true",
  "sluice+latency",
  "toxiproxy",
  "toxiproxy+latency",
];

/** OpenTelemetry: a span for each connection, and for a tenth of them. */
export const SPAN_TARGETS: readonly TargetName[] = ["sluice", "sluice+spans", "sluice+spans 10 %"];

/** sluice with a warm pool and without. */
export const POOL_TARGETS: readonly TargetName[] = ["direct", "sluice", "sluice+pool"];
