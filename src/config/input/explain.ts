/** Turns zod's issues into messages for users. */

import type * as z from "zod";
import { FAULT_TYPES } from "../../faults/registry.ts";
import { anyOf, closestOf, keysLike } from "./closest.ts";
import { explainFaultKey } from "../schema/fault_schema.ts";
import { configKeys } from "../schema/keys.ts";
import type { Report } from "./report.ts";
import { JITLESS, toSnakeCase } from "../schema/section.ts";

type Issue = z.core.$ZodIssue;

/** Parses the value at a path. Adds what is wrong with it to a report; undefined if anything is. */
export function parseAt<Schema extends z.ZodType>(
  path: readonly PropertyKey[],
  value: unknown,
  schema: Schema,
  report: Report,
): z.output<Schema> | undefined {
  const { data, error } = schema.safeParse(value, JITLESS);
  for (const issue of error?.issues ?? []) explainIssue({ ...issue, path: [...path, ...issue.path] }, report);
  return data;
}

/** Adds a zod issue to a report. The issue's message says what was expected, as `fields.ts` describes. */
function explainIssue(issue: Issue, report: Report): void {
  if (issue.code === "unrecognized_keys") {
    for (const key of issue.keys) explainUnknownKey(key, issue, report);
    return;
  }
  const { path, message: expected } = issue;
  const key = path.at(-1);
  if (typeof key === "string" && report.valueAt(path) === undefined) {
    report.addMissing(path, `expected ${expected}`);
    return;
  }
  const meant = issue.code === "invalid_union" ? issue.errors.find(isRightKind) : undefined;
  if (meant !== undefined) {
    for (const inner of meant) explainIssue({ ...inner, path: [...path, ...inner.path] }, report);
    return;
  }
  // A parser's message repeats the value, or parts of it.
  const isSecret = report.isSecret(path);
  const detail = isSecret ? undefined : detailOf(issue);
  const value = report.valueAt(path);
  if (detail !== undefined) report.add(path, typeof value === "string" ? withShort(detail, value) : detail);
  else {
    const remedy = isSecret ? undefined : remedyFor(issue, value, report);
    report.add(
      path,
      `Expected ${expected}, got ${report.show(path)}${remedy === undefined ? "" : `: ${remedy}`}`,
    );
  }
}

/** How much of a value a parser's message may repeat, in characters. */
const MAX_REPEATED = 100;

function withShort(detail: string, value: string): string {
  return value.length > MAX_REPEATED ? detail.replaceAll(value, `${value.slice(0, MAX_REPEATED)}…`) : detail;
}

/** The likely correction of a value. */
function remedyFor(issue: Issue, value: unknown, report: Report): string | undefined {
  const key = issue.path.at(-1);
  if (value === null && typeof key === "string") return `the value after "${report.spell(key)}:" is missing`;
  if (issue.code === "custom") {
    const meant: unknown = issue.params?.["meant"];
    return typeof meant === "string" ? `did you mean "${meant}"?` : undefined;
  }
  if (issue.code === "invalid_union" && key === "type") {
    const type = closestOf(String(value), FAULT_TYPES);
    return type && `did you mean "${type}"?`;
  }
  const [, word] = typeof value === "string" ? /^([a-z_]+):\S/.exec(value) ?? [] : [];
  if (word !== undefined && configKeys().has(word)) return `a space is missing after "${word}:"`;
  if (issue.code !== "invalid_type" || issue.expected !== "array") return undefined;
  if (typeof value === "object") return 'begin each of them with "- "';
  return typeof value === "string" && value.length < MAX_REPEATED
    ? `write it as a list, ["${value}"]`
    : undefined;
}

/**
 * Whether a value has the kind that one of its forms needs, whatever else is wrong with it: of a bad list, only the
 * issues of the list form matter.
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
  const here = issue.path.findLast((part) => typeof part === "string");
  const reason = here === "faults"
    ? explainFaultKey(toSnakeCase(key), report.valueAt([...issue.path, "type"]), known)
    : undefined;
  if (reason !== undefined) {
    report.addKey([...issue.path, key], `Unknown key "${report.spell(key)}": ${reason}`);
    return;
  }
  // camelCase and kebab-case are the same words in another style, not typing errors.
  const meant = keysLike(toSnakeCase(key).replaceAll("-", "_"), known);
  const hint = meant.length > 0
    ? `did you mean ${anyOf(meant.map((each) => `"${report.spell(each)}"`))}?`
    : placeOf(toSnakeCase(key), issue, report) ??
      `expected one of ${known.map((each) => report.spell(each)).join(", ")}`;
  // The key is misspelt, not missing.
  for (const each of meant) report.ignoreMissing([...issue.path, each]);
  report.addKey([...issue.path, key], `Unknown key "${report.spell(key)}": ${hint}`);
}

/** A message with more places than this would not help. */
const MAX_PLACES = 3;

/** The mapping where a misplaced key belongs. */
function placeOf(key: string, { path }: Issue, report: Report): string | undefined {
  // If two mappings have the same name and only one has the key, the name alone is ambiguous.
  const here = path.findLast((part) => typeof part === "string") ?? "";
  // Keys of faults are common words.
  const places = [...configKeys().get(key) ?? []].filter((place) =>
    place !== "faults" || here === "services"
  );
  if (places.length === 0 || places.length > MAX_PLACES) return undefined;
  if (places.some((place) => place === here)) return undefined;
  return `it is a key of ${
    anyOf(places.map((place) => place === "" ? "the top of the file" : `"${report.spell(place)}"`))
  }`;
}
