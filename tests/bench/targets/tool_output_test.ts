import assert from "node:assert/strict";
import { parseAb, parseIperf, parseRedisCsv, parseRedisInfo } from "./tool_output.ts";

const MISSING = { message: "a figure is missing in the output" };

Deno.test("what iperf3 received is read from its JSON", () => {
  const text = JSON.stringify({
    end: {
      sum_sent: { bytes: 9_999_999_999, bits_per_second: 1 },
      sum_received: { bytes: 2_500_000_000, bits_per_second: 8_000_000_000 },
    },
  });
  assert.deepEqual(parseIperf(text), { gbitPerS: 8, gb: 2.5 });
  assert.throws(() => parseIperf('{"error":"unable to connect"}'), MISSING);
});

Deno.test("redis-benchmark's CSV is read by the names of its columns", () => {
  const text =
    `"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms"
"SET","43923.86","0.7","0.1","0.623","1.1","2.231"
`;
  assert.deepEqual(parseRedisCsv(text), { rps: 43923.86, p50: 0.623, p99: 2.231 });
});

Deno.test("CSV of an old redis-benchmark, or without a figure, is refused", () => {
  assert.throws(() => parseRedisCsv('"SET","43923.86"\n'), { message: /no CSV with column names/ });
  assert.throws(() => parseRedisCsv('"test","rps"\n"SET","43923.86"\n'), MISSING);
});

Deno.test("ab's figures are read, and failed requests are an error", () => {
  const text = (failed: number) =>
    `Complete requests:      2899
Failed requests:        ${failed}
Requests per second:    962.10 [#/sec] (mean)
`;
  assert.deepEqual(parseAb(text(0)), { perSecond: 962.1, complete: 2899 });
  assert.throws(() => parseAb(text(3)), { message: "ab: 3 requests failed" });
  assert.throws(() => parseAb("apr_socket_recv: Connection reset"), MISSING);
});

Deno.test("redis-server's own figures are read from INFO", () => {
  const text = "# Clients\r\nconnected_clients:51\r\nmaxclients:6000\r\n# Stats\r\n" +
    "total_connections_received:99\r\ntotal_commands_processed:123456\r\n";
  assert.deepEqual(parseRedisInfo(text), { clients: 51, commands: 123_456 });
  assert.throws(() => parseRedisInfo("-NOAUTH Authentication required.\r\n"), MISSING);
});
