/** Which values of a configuration are secret wherever they come from, so that no message repeats them. */

import { formatPath } from "../input/key_path.ts";

const SECRETS: ReadonlySet<string> = new Set(["admin.token"]);

/** Whether what is at a path must never be shown. */
export function isSecretPath(path: readonly PropertyKey[]): boolean {
  return SECRETS.has(formatPath(path));
}

/** What a message may say of a secret: its kind and its length. */
export function describeSecret(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (typeof value === "number") return "a number (write it in quotes)";
  return typeof value === "string" ? `a text of ${[...value].length} characters` : "something else";
}
