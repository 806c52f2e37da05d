/** How many threads relay: a number of them, or one for each CPU. */

import { closestOf } from "../input/closest.ts";
import type { Workers } from "../config.ts";
import { scalar, type Single, Unexpected } from "../values/scalar.ts";

/** More threads than this are a typing error: no machine has so many cores to spare for a proxy. */
const MAX_WORKERS = 256;

const EXPECTED = `a whole number from 1 to ${MAX_WORKERS}, or "auto"`;

/**
 * Reads a number of threads, as text too, which is what a variable or the command line gives.
 *
 * @throws {Unexpected} when it is neither a number within the limits nor `auto`.
 */
export function parseWorkers(value: Single): Workers {
  if (value === "auto") return value;
  const count = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof count === "number" && Number.isInteger(count) && count >= 1 && count <= MAX_WORKERS) {
    return count;
  }
  throw new Unexpected(`expected ${EXPECTED}`, { meant: closestOf(String(value), ["auto"]) });
}

/** A number of threads, as a zod schema. */
export function workers() {
  return scalar<Workers | string, Workers>({
    expected: EXPECTED,
    parse: parseWorkers,
    json: [
      { type: "integer", minimum: 1, maximum: MAX_WORKERS },
      { enum: ["auto"] },
      { type: "string", pattern: "^[0-9]+$" },
    ],
  });
}
