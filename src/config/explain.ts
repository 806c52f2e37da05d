/** Turns what zod found into sentences for people. */

import { distance } from "fastest-levenshtein";
import type { z } from "zod";
import type { Report } from "./report.ts";
import { toSnakeCase } from "./spelling.ts";

/** Adds a zod issue to a report. The issue's message says what was expected, as `fields.ts` describes. */
export function explainIssue(issue: z.core.$ZodIssue, report: Report): void {
  if (issue.code === "unrecognized_keys") {
    for (const key of issue.keys) explainUnknownKey(key, issue, report);
    return;
  }
  const { path, message: expected } = issue;
  const key = path.at(-1);
  if (typeof key === "string" && report.valueAt(path) === undefined) {
    report.add(path, `Missing key "${report.spell(key)}": expected ${expected}`);
    return;
  }
  const detail: unknown = issue.code === "custom" ? issue.params?.["detail"] : undefined;
  // A parser's message repeats the value, or parts of it.
  const repeatable = typeof detail === "string" && !report.isSecret(path);
  report.add(path, repeatable ? detail : `Expected ${expected}, got ${report.show(path)}`);
}

function explainUnknownKey(key: string, issue: z.core.$ZodIssueUnrecognizedKeys, report: Report): void {
  const known = issue.message.split(", ");
  const closest = closestKey(key, known);
  const hint = closest === undefined
    ? `expected one of ${known.map((each) => report.spell(each)).join(", ")}`
    : `did you mean "${report.spell(closest)}"?`;
  report.add([...issue.path, key], `Unknown key "${report.spell(key)}": ${hint}`);
}

/** The known key that differs from a mistyped one by no more than a slip or two. */
function closestKey(key: string, known: readonly string[]): string | undefined {
  // camelCase and kebab-case are the same words in another style, not typing errors.
  const typed = toSnakeCase(key).replaceAll("-", "_");
  // Two letters in the wrong order count as two.
  const allowed = typed.length < 4 ? 1 : Math.max(2, Math.floor(typed.length / 3));
  const ranked = known.map((each) => ({ each, slips: distance(typed, each) })).sort((a, b) =>
    a.slips - b.slips
  );
  return ranked[0] !== undefined && ranked[0].slips <= allowed ? ranked[0].each : undefined;
}
