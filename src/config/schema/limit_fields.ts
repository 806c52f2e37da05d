/** Limits that are not plain numbers, as zod schemas. */

import { z } from "zod";
import { BANDWIDTH_PATTERN, formatBandwidth, parseBandwidth } from "../values/bandwidth.ts";
import { formatDuration, parseDuration } from "../values/duration.ts";
import { count, DURATION, inMilliseconds } from "./fields.ts";
import { ANYTHING, scalar, textOrNumber, Unexpected } from "../values/scalar.ts";
import { section, shorthand } from "./section.ts";

/** The highest rate and burst: a higher one would limit nothing. */
const MAX_RATE = 1_000_000;

/** `rate` is the average per second, `burst` the number allowed at once after a pause. */
export interface RateConfig {
  readonly rate: number;
  readonly burst: number;
}

/** A duration in milliseconds, or `0` for no limit. */
export function timeLimit(minimum: number) {
  return scalar<string | number, number>({
    expected: `a duration of at least "${formatDuration(minimum)}", or 0`,
    parse: (value) => {
      const milliseconds = parseDuration(textOrNumber(value));
      if (milliseconds !== 0 && milliseconds < minimum) throw new Unexpected();
      return milliseconds;
    },
    format: formatDuration,
    fromNumber: inMilliseconds,
    json: [DURATION, { const: 0 }],
  });
}

/** Bytes a second, or `0` for no limit. */
export function bandwidth(minimum: number) {
  return scalar<string | number, number>({
    expected: `a rate of at least "${formatBandwidth(minimum)}" such as "10MB/s", or 0`,
    parse: (value) => {
      const bytesPerSecond = parseBandwidth(textOrNumber(value));
      if (bytesPerSecond !== 0 && bytesPerSecond < minimum) throw new Unexpected();
      return bytesPerSecond;
    },
    format: formatBandwidth,
    json: [{ type: "string", pattern: BANDWIDTH_PATTERN }, { const: 0 }, { type: "integer", minimum }],
  });
}

/** A rate per second: a number, or a mapping that also has a burst. */
export function rate() {
  const mapping = section('a mapping such as "rate: 200"', {
    rate: perSecond().describe("The average per second. 0.5 is one in two seconds."),
    burst: count(1, MAX_RATE).optional().describe(
      "How many are allowed at once after a pause. Left out, the rate, at least 1.",
    ),
  }).describe("A rate and a burst.");
  return z.union([
    shorthand(perSecond(), (rate) => withBurst({ rate })),
    z.codec(mapping, ANYTHING as z.ZodType<RateConfig, RateConfig>, {
      decode: withBurst,
      encode: (rate) => rate,
    }),
  ], { error: 'a number such as 200, or a mapping such as "rate: 200"' });
}

function withBurst(
  { rate, burst = Math.ceil(rate) }: { rate: number; burst?: number | undefined },
): RateConfig {
  return { rate, burst };
}

function perSecond() {
  const expected = `a number above 0 and up to ${MAX_RATE}`;
  return scalar<number | string, number>({
    expected,
    parse: (value) => {
      const number = typeof value === "string" && /^\d+(\.\d+)?$/.test(value) ? Number(value) : value;
      if (typeof number !== "number") throw new Unexpected();
      // YAML can write NaN (`.nan`), which fails every comparison.
      if (number > 0 && number <= MAX_RATE) return number;
      throw new RangeError(`Expected ${expected}, got ${number}`);
    },
    json: [
      { type: "number", exclusiveMinimum: 0, maximum: MAX_RATE },
      { type: "string", pattern: "^[0-9]+(\\.[0-9]+)?$" },
    ],
  });
}
