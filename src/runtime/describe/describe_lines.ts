/** Lines of text that are not too long, and that line up. */

/** The most columns a line has, unless a single piece of it is longer. */
export const WIDTH = 100;

/** How many entries of a list are shown. */
const MAX_SHOWN = 4;

/** Pieces behind a title, with commas between them, on as many lines as they need. */
export function wrap(
  title: string,
  pieces: readonly string[],
  { indent = "   ", width = WIDTH } = {},
): string[] {
  const lines: string[] = [];
  let line = title;
  for (const [index, piece] of pieces.entries()) {
    const text = index < pieces.length - 1 ? ` ${piece},` : ` ${piece}`;
    if (index > 0 && line.length + text.length > width) {
      lines.push(line);
      line = indent;
    }
    line += text;
  }
  return [...lines, line];
}

/** The first few entries of a list; the last of these says how many more there are. */
export function firstOf(values: readonly string[]): string[] {
  const shown = values.slice(0, MAX_SHOWN);
  const more = values.length - shown.length;
  return more === 0 ? shown : [...shown.slice(0, -1), `${shown.at(-1)} (and ${more} more)`];
}
