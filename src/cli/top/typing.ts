/** A line of text that is being typed. */

import type { Key } from "./keys.ts";

/** The text after a key: typed, or shortened by Backspace or Ctrl-U. At most `limit` characters. */
export function edited(text: string, key: Key, limit: number): string {
  if (key.name === "backspace") return Array.from(text).slice(0, -1).join("");
  if (key.isControl && key.name === "u") return "";
  if (key.isControl || key.text === undefined || /\p{Cc}/u.test(key.text)) return text;
  return (text + key.text).slice(0, limit);
}
