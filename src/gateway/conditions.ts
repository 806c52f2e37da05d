/** Conditions in the status of objects: what they say, and when that last changed. */

import { type JsonObject, listOf, objectOf } from "../upstream/discovery/kubernetes/endpoint_slice.ts";

export interface Condition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

/** The API refuses longer ones, in characters. */
const LONGEST_MESSAGE = 32_768;

export function isTrue(type: string, reason = type, message = ""): Condition {
  return { type, status: "True", reason, message };
}

export function isFalse(type: string, reason: string, message: string): Condition {
  return { type, status: "False", reason, message: message.slice(0, LONGEST_MESSAGE) };
}

export function isUnknown(type: string, reason: string, message: string): Condition {
  return { type, status: "Unknown", reason, message };
}

/**
 * The conditions as they should be stored: those of other types stay, and the time of each is that of its last change
 * of status.
 *
 * @param before The stored conditions.
 * @param generation Of the object that they are about.
 * @param now As the API writes times.
 */
export function mergeConditions(
  before: unknown,
  conditions: readonly Condition[],
  generation: number,
  now: string,
): JsonObject[] {
  const wanted = new Map(conditions.map((condition) => [condition.type, condition]));
  const stored = listOf(before).map(objectOf);
  const complete = (condition: Condition, old: JsonObject | undefined): JsonObject => ({
    ...condition,
    observedGeneration: generation,
    lastTransitionTime: old?.status === condition.status && typeof old.lastTransitionTime === "string"
      ? old.lastTransitionTime
      : now,
  });
  const kept = stored.map((old) => {
    const condition = wanted.get(old.type as string);
    wanted.delete(old.type as string);
    return condition === undefined ? old : complete(condition, old);
  });
  return [...kept, ...wanted.values().map((condition) => complete(condition, undefined))];
}

/** Whether stored conditions are about a later version of the object than this one. */
export function isNewer(before: unknown, generation: number): boolean {
  return listOf(before).some((each) => {
    const { observedGeneration } = objectOf(each);
    return typeof observedGeneration === "number" && observedGeneration > generation;
  });
}
