/** A table in Markdown. */

/** The first is the head. */
export type Rows = readonly (readonly string[])[];

/** As `deno fmt` writes it: cells of a column are of the same width. */
export function formatTable(rows: Rows): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |\n`;
  const [head, ...body] = rows;
  return [head!, widths.map((width) => "-".repeat(width)), ...body].map(line).join("");
}
