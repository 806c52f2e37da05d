/** Reads the output of the tools. Every function throws when a figure is missing. */

/** The bytes that iperf3 -J reports as received. */
export function parseIperf(text: string): { gbitPerS: number; gb: number } {
  const { bits_per_second, bytes } = Object(Object(Object(JSON.parse(text)).end).sum_received);
  return { gbitPerS: number(bits_per_second) / 1e9, gb: number(bytes) / 1e9 };
}

/** `redis-benchmark --csv`; names of the columns come in its first line. Times in ms. */
export function parseRedisCsv(text: string): { rps: number; p50: number; p99: number } {
  const rows = text.trim().split("\n").map((line) =>
    line.split(",").map((cell) => cell.trim().replaceAll('"', ""))
  );
  const names = rows.find((row) => row[0] === "test");
  const values = rows.find((row) => row[0] === "SET");
  if (!names || !values) {
    throw new Error("redis-benchmark printed no CSV with column names (it needs version 6.2)");
  }
  const column = (name: string) => number(Number(values[names.indexOf(name)]));
  return { rps: column("rps"), p50: column("p50_latency_ms"), p99: column("p99_latency_ms") };
}

/**
 * The report that ab prints at its end.
 *
 * @throws When requests failed.
 */
export function parseAb(text: string): { perSecond: number; complete: number } {
  const failed = figure(text, /Failed requests:\s+(\d+)/);
  if (failed > 0) throw new Error(`ab: ${failed} requests failed`);
  return {
    perSecond: figure(text, /Requests per second:\s+([\d.]+)/),
    complete: figure(text, /Complete requests:\s+(\d+)/),
  };
}

/** Redis's answer to INFO. */
export function parseRedisInfo(text: string): { clients: number; commands: number } {
  return {
    clients: figure(text, /^connected_clients:(\d+)/m),
    commands: figure(text, /^total_commands_processed:(\d+)/m),
  };
}

function figure(text: string, pattern: RegExp): number {
  return number(Number(pattern.exec(text)?.[1]));
}

function number(value: unknown): number {
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw new Error("a figure is missing in the output");
  }
  return value;
}
