/** How the fields of a log line are written: each line stays one line, whatever is in its values. */

/** What a line says, by name; undefined values are left out. */
export type Fields = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * What is never written as it is, for it can end a line, drive a terminal, or make a line look like another one:
 * control characters, line and paragraph separators, and invisible ones that format, such as those that change the
 * direction of text. `JSON.stringify` escapes the first 32 of them, and halves of surrogate pairs.
 */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
/** A text that needs no quotes in a line of `key=value`. */
const PLAIN = /^[^\s"=\p{Cc}\p{Cf}\p{Cs}]+$/u;

/** One JSON object. */
export function jsonLine(fields: Fields): string {
  return escapeUnsafe(JSON.stringify(fields));
}

/** `key=value`, separated by spaces; a value is in quotes, as in JSON, where it could be mistaken otherwise. */
export function textLine(fields: Fields): string {
  let line = "";
  for (const key in fields) {
    const value = fields[key];
    if (value === undefined) continue;
    line += `${line === "" ? "" : " "}${key}=${typeof value === "string" ? quoteIfNeeded(value) : value}`;
  }
  return line;
}

/** A text with what is unsafe written as `\u202e`. */
export function escapeUnsafe(text: string): string {
  return text.replace(UNSAFE, (character) => {
    let escaped = "";
    for (let index = 0; index < character.length; index++) {
      escaped += `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`;
    }
    return escaped;
  });
}

function quoteIfNeeded(text: string): string {
  return PLAIN.test(text) ? text : escapeUnsafe(JSON.stringify(text));
}
