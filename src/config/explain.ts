/** Turns what zod found into sentences for people. */

import type { z } from "zod";
import { closestOf } from "./closest.ts";
import type { Report } from "./report.ts";
import { toSnakeCase } from "./spelling.ts";

type Issue = z.core.$ZodIssue;

/** Adds a zod issue to a report. The issue's message says what was expected, as `fields.ts` describes. */
export function explainIssue(issue: Issue, report: Report): void {
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
  const meant = issue.code === "invalid_union" ? issue.errors.find(isRightKind) : undefined;
  if (meant !== undefined) {
    for (const inner of meant) explainIssue({ ...inner, path: [...path, ...inner.path] }, report);
    return;
  }
  const detail = detailOf(issue);
  // A parser's message repeats the value, or parts of it.
  const repeatable = detail !== undefined && !report.isSecret(path);
  report.add(path, repeatable ? detail : `Expected ${expected}, got ${report.show(path)}`);
}

/**
 * Whether a value is of the kind that one way to write it asks for, whatever else is wrong with it: of what is
 * wrong with a list, only what was expected of a list is of interest.
 */
function isRightKind(issues: readonly Issue[]): boolean {
  return !issues.some((issue) => {
    const isWrongKind = issue.code === "invalid_type" ||
      issue.code === "custom" && detailOf(issue) === undefined;
    return issue.path.length === 0 && isWrongKind;
  });
}

/** What a parser said. */
function detailOf(issue: Issue): string | undefined {
  const detail: unknown = issue.code === "custom" ? issue.params?.["detail"] : undefined;
  return typeof detail === "string" ? detail : undefined;
}

function explainUnknownKey(key: string, issue: z.core.$ZodIssueUnrecognizedKeys, report: Report): void {
  const known = issue.message.split(", ");
  // camelCase and kebab-case are the same words in another style, not typing errors.
  const closest = closestOf(toSnakeCase(key).replaceAll("-", "_"), known);
  const hint = closest === undefined
    ? `expected one of ${known.map((each) => report.spell(each)).join(", ")}`
    : `did you mean "${report.spell(closest)}"?`;
  report.addKey([...issue.path, key], `Unknown key "${report.spell(key)}": ${hint}`);
}
