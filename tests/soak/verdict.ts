/** Whether what sluice takes has stayed level. */

import { chart } from "./chart.ts";
import { growth, mean, type Sample } from "./samples.ts";
import type { Course } from "./soak.ts";

/**
 * By how much RSS may grow over the second half of the run, by the line that fits best: V8 lets garbage grow before it
 * collects, a heap for each thread, so a level curve is a saw. A leak of one descriptor's worth of objects (some
 * 10 KB) with each hundredth connection is 90 MB in a run of ten minutes at 150 connections a second.
 */
const RSS_SHARE = 0.1;
const RSS_LEAST_MB = 15;

/** What has not stayed level. */
export function unlevel({ underLoad, atRest }: Course): string[] {
  const wrong: string[] = [];
  const [first] = atRest;
  const last = atRest.at(-1);
  if (first !== undefined && last !== undefined && last !== first && last.descriptors !== first.descriptors) {
    wrong.push(`Descriptors at rest: ${first.descriptors} after the warm-up, ${last.descriptors} at the end`);
  }
  const half = secondHalf(underLoad);
  const { grown, allowed } = rssGrowth(half);
  if (half.length > 1 && grown > allowed) {
    wrong.push(
      `RSS has grown by ${grown.toFixed(1)} MB over the second half of the run, allowed are ${
        allowed.toFixed(1)
      } MB`,
    );
  }
  return wrong;
}

/** The curves, and their figures. */
export function courseText({ underLoad, atRest }: Course): string {
  const last = underLoad.at(-1);
  if (last === undefined) return "Nothing was measured";
  const options = { width: 72, height: 8, minutes: last.at / 60 };
  const { grown, allowed } = rssGrowth(secondHalf(underLoad));
  return [
    chart(underLoad.map(({ rssMb }) => rssMb), { ...options, title: "RSS under load, MB" }),
    chart(underLoad.map(({ descriptors }) => descriptors), { ...options, title: "descriptors under load" }),
    `RSS over the second half: ${grown >= 0 ? "+" : ""}${grown.toFixed(1)} MB by the line that fits best ` +
    `(allowed +${allowed.toFixed(1)})`,
    `At rest: ${atRest.map(restText).join("; ")}`,
  ].join("\n");
}

function secondHalf(samples: readonly Sample[]): readonly Sample[] {
  const middle = ((samples[0]?.at ?? 0) + (samples.at(-1)?.at ?? 0)) / 2;
  return samples.filter(({ at }) => at >= middle);
}

function rssGrowth(samples: readonly Sample[]): { grown: number; allowed: number } {
  const grown = growth(samples.map(({ at, rssMb: value }) => ({ at, value })));
  const allowed = Math.max(RSS_LEAST_MB, RSS_SHARE * mean(samples.map(({ rssMb }) => rssMb)));
  return { grown, allowed };
}

function restText({ at, rssMb, descriptors }: Sample): string {
  return `${(at / 60).toFixed(1)} min ${rssMb.toFixed(0)} MB, ${descriptors} descriptors`;
}
