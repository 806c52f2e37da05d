/** Checks that memory and descriptors have stayed level. */

import { chart } from "./chart.ts";
import { growth, mean, type Sample } from "../../support/program/process_samples.ts";
import type { Course } from "../soak.ts";

/**
 * The growth of RSS at rest that is allowed over the second half of the run, by linear regression. Live objects take
 * some 10 MB in a worker and 20 MB in the main thread. Under load, V8 lets each heap fill to 60 MB and more before it
 * frees memory, so that curve is a saw, and is only printed. At rest, V8 has freed it; the remainder is memory that
 * malloc keeps between blocks in use. A leak of 1 KB per connection is 45 MB in the second half of ten minutes at 150
 * connections a second.
 */
const RSS_SHARE = 0.15;
const RSS_LEAST_MB = 25;

/** The values that have not stayed level. */
export function unlevel({ atRest }: Course): string[] {
  const wrong: string[] = [];
  const [first] = atRest;
  const last = atRest.at(-1);
  if (first !== undefined && last !== undefined && last.descriptors !== first.descriptors) {
    wrong.push(`Descriptors at rest: ${first.descriptors} after the warm-up, ${last.descriptors} at the end`);
  }
  const { grown, allowed } = rssGrowth(atRest);
  if (grown > allowed) {
    const figures = `${grown.toFixed(1)} MB over the second half of the run, allowed are ${
      allowed.toFixed(1)
    } MB`;
    wrong.push(`RSS at rest has grown by ${figures}`);
  }
  return wrong;
}

/** The curves, and their figures. */
export function courseText({ underLoad, atRest }: Course): string {
  const last = underLoad.at(-1);
  if (last === undefined) return "Nothing was measured";
  const options = { width: 72, height: 8, minutes: last.at / 60 };
  return [
    chart(underLoad.map(({ rssMb }) => rssMb), { ...options, title: "RSS under load, MB" }),
    chart(underLoad.map(({ descriptors }) => descriptors), { ...options, title: "descriptors under load" }),
    `At rest: ${atRest.map(restText).join("; ")}`,
    `RSS at rest over the second half, by the line that fits best: ${growthText(atRest)}`,
  ].join("\n");
}

function rssGrowth(samples: readonly Sample[]): { grown: number; allowed: number } {
  const middle = ((samples[0]?.at ?? 0) + (samples.at(-1)?.at ?? 0)) / 2;
  // In a short run, the last two are all values.
  const half = samples.filter(({ at }, index) => at >= middle || index >= samples.length - 2);
  const grown = growth(half.map(({ at, rssMb: value }) => ({ at, value })));
  const allowed = Math.max(RSS_LEAST_MB, RSS_SHARE * mean(half.map(({ rssMb }) => rssMb)));
  return { grown, allowed };
}

function growthText(samples: readonly Sample[]): string {
  const { grown, allowed } = rssGrowth(samples);
  return `${grown >= 0 ? "+" : ""}${grown.toFixed(1)} MB (allowed +${allowed.toFixed(1)})`;
}

function restText({ at, rssMb, descriptors }: Sample): string {
  return `${(at / 60).toFixed(1)} min ${rssMb.toFixed(0)} MB, ${descriptors} descriptors`;
}
