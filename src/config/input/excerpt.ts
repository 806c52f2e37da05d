/** Lines of a configuration that are safe to show in error messages. */

/** Text after a token key is secret, whatever it looks like, also in a comment or in broken YAML. */
const TOKEN = /(token["']?\s*[:=]\s*)(?!\s|$).*$/i;

/** A line that only begins a value. */
const OPEN_TOKEN = /token["']?\s*:\s*(?:[|>][-+\d]*)?\s*(?:#.*)?$/i;

/** Part of a PEM key or certificate, or of similar long opaque text. */
const ENCODED = /-----BEGIN|[A-Za-z0-9+/=_-]{40,}/;

/**
 * The line `number` (from 1) of a text with possible secrets removed; undefined when the whole line may be
 * secret.
 */
export function maskSecrets(text: string, number: number): string | undefined {
  const lines = text.split("\n", number);
  const line = lines[number - 1]?.replace(/\r$/, "");
  if (line === undefined || ENCODED.test(line)) return undefined;
  const before = lines.slice(0, -1).findLast((each) => each.trim() !== "");
  if (before !== undefined && OPEN_TOKEN.test(before.replace(/\r$/, ""))) return undefined;
  return line.replace(TOKEN, "$1…");
}
