/** Formats the fields of a log line. Each stays one line, whatever its values contain. */

/** The fields of a line by name; undefined values are left out. */
export type Fields = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * Characters that could end a line, control a terminal, or disguise a line as another one: control characters, line and
 * paragraph separators, and invisible formatting characters, such as those that change the direction of text.
 * `JSON.stringify` escapes only the first 32 of them, and halves of surrogate pairs.
 */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
/** A value that needs no quotes in `key=value`. */
const PLAIN = /^[^\s"=\p{Cc}\p{Cf}\p{Cs}]+$/u;

/** One JSON object. */
export function jsonLine(fields: Fields): string {
  return escapeUnsafe(JSON.stringify(fields));
}

/** `key=value`, separated by spaces; ambiguous values are quoted as in JSON. */
export function textLine(fields: Fields): string {
  let line = "";
  for (const key in fields) {
    const value = fields[key];
    if (value === undefined) continue;
    line += `${line === "" ? "" : " "}${key}=${typeof value === "string" ? quoteIfNeeded(value) : value}`;
  }
  return line;
}

/** Escapes unsafe characters, as in `\u202e`. */
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
