/** The faults that sequences and configurations put into services. */

/** A fault as the API takes it. Durations are in milliseconds. */
export type FaultBody = Readonly<Record<string, string | number | boolean>> & { readonly type: string };

/** Faults that keep every byte and every end. */
export const KEEPING: readonly FaultBody[] = [
  { type: "latency", latency: 5, jitter: 5, direction: "both" },
  { type: "latency", latency: 3, jitter: 3, distribution: "normal", after_bytes: 10_000, for: 15 },
  { type: "latency", latency: 10, buffer: 65_536, every: 2, direction: "upload" },
  { type: "bandwidth", rate: "100MiB/s", direction: "both" },
  { type: "bandwidth", rate: "50MiB/s", probability: 0.5, times: 1 },
  { type: "slicer", average_size: 20_000, size_variation: 20_000, direction: "both" },
  // With 16 MiB, one byte at a time would take hours.
  { type: "drip", delay: 1, for: 20, direction: "both" },
  { type: "stall", duration: 30, direction: "both" },
  { type: "slow_close", delay: 10, direction: "both" },
  { type: "noop", direction: "both" },
  { type: "delay_accept", delay: 5 },
  { type: "delay_connect", delay: 5 },
  { type: "freeze" },
  { type: "freeze", after_bytes: 5000, direction: "upload" },
  { type: "half_open" },
];

/** Types that hold bytes or ends back until they are removed. */
export const HOLDING: ReadonlySet<string> = new Set(["freeze", "half_open"]);

/**
 * Faults that end or change the connection that they act on. They begin with bytes: a connection without any has reached
 * its upstream, which the fuzzer can distinguish from others.
 */
export const BREAKING: readonly FaultBody[] = [
  { type: "reset_peer", after_bytes: 1000 },
  { type: "reset_peer", timeout: 20, after_bytes: 100 },
  { type: "limit_data", bytes: 5000, direction: "both" },
  { type: "timeout", timeout: 20, after_bytes: 2000, direction: "both" },
  { type: "timeout", timeout: 0, after_bytes: 100 },
  { type: "truncate", bytes: 3000, direction: "both" },
  { type: "blackhole", after_bytes: 500, direction: "both" },
  { type: "packet_loss", loss_rate: 0.3, after_bytes: 100, direction: "both" },
  { type: "corrupt", rate: 0.001, after_bytes: 100, direction: "both" },
];

/** Types whose connection receives other bytes than were sent. */
export const CHANGING: ReadonlySet<string> = new Set(["packet_loss", "corrupt"]);

/** The faults of a configuration, which keep bytes and ends; reloads switch between the lists. */
export const CONFIGURED: readonly (readonly string[])[] = [
  [
    "{ type: latency, latency: 2ms, jitter: 2ms, direction: both }",
    "{ type: slow_close, delay: 5ms, direction: both }",
    "{ type: delay_accept, delay: 3ms }",
    "{ type: noop }",
  ],
  [
    "{ type: slicer, average_size: 20000, size_variation: 10000, direction: both }",
    "{ type: stall, duration: 20ms, direction: both, every: 2 }",
    "{ type: latency, latency: 1ms, direction: both }",
    "{ type: delay_connect, delay: 3ms }",
  ],
];
