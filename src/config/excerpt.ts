/** Lines of a configuration that may be shown to whoever reads its errors. */

/** What follows a token is secret, whatever it looks like; also in a comment, or where the YAML is broken. */
const TOKEN = /(token["']?\s*[:=]\s*)(?!\s|$).*$/i;

/** A line that only begins a value. */
const OPEN_TOKEN = /token["']?\s*:\s*(?:[|>][-+\d]*)?\s*(?:#.*)?$/i;

/** Part of a key or certificate in PEM, or of what is as long and means as little. */
const ENCODED = /-----BEGIN|[A-Za-z0-9+/=_-]{40,}/;

/** The line `number` (from 1) of a text without what may be secret; undefined when all of it may be. */
export function maskSecrets(text: string, number: number): string | undefined {
  const lines = text.split("\n", number);
  const line = lines[number - 1]?.replace(/\r$/, "");
  if (line === undefined || ENCODED.test(line)) return undefined;
  const before = lines.slice(0, -1).findLast((each) => each.trim() !== "");
  if (before !== undefined && OPEN_TOKEN.test(before.replace(/\r$/, ""))) return undefined;
  return line.replace(TOKEN, "$1…");
}
