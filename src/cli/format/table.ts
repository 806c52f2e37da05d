/** Text in columns. */

import { printable } from "./printable.ts";

export interface Column<Row> {
  readonly title: string;
  /** What a row has there. */
  readonly cell: (row: Row) => string | number | null | undefined;
  /** For numbers. */
  readonly align?: "right";
  /** Minimum width, so that columns do not move while figures change. */
  readonly reserve?: number;
  /** In a narrow table, cells are shortened to at least this many characters; undefined never shortens. */
  readonly least?: number;
  /** Columns with a number are omitted, the highest first, before others are shortened below their reserve. */
  readonly leaveOut?: number;
}

export interface TableOptions {
  /** The width of a line in characters; undefined is no limit. */
  readonly width?: number;
  /** The number of spaces between two columns. */
  readonly gap?: number;
}

/** Returns a line of titles, then one line for each row, within the width and without trailing spaces. */
export function tableLines<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  { width = Infinity, gap = 2 }: TableOptions = {},
): string[] {
  const cells = rows.map((row) => columns.map(({ cell }) => printable(String(cell(row) ?? ""))));
  const fitted = fit(columns.map((column, index) => measured(column, index, cells)), width, gap);
  return [columns.map(({ title }) => title), ...cells].map((row) => {
    const line = fitted.map(({ index, column, width }) => aligned(row[index]!, width, column.align));
    return Array.from(line.join(" ".repeat(gap))).slice(0, width).join("").trimEnd();
  });
}

/** Shortens in the middle, because both the start of an address and its port matter. */
export function cut(text: string, width: number): string {
  const characters = Array.from(text);
  if (characters.length <= width) return text;
  if (width <= 1) return "…".slice(0, width);
  const end = Math.floor((width - 1) / 2);
  return `${characters.slice(0, width - 1 - end).join("")}…${
    characters.slice(characters.length - end).join("")
  }`;
}

type Layout = Omit<Column<never>, "cell">;

interface Measured {
  readonly index: number;
  readonly column: Layout;
  readonly width: number;
}

function measured(column: Layout, index: number, rows: readonly (readonly string[])[]): Measured {
  const least = Math.max(column.reserve ?? 0, lengthOf(column.title));
  const width = rows.reduce((widest, row) => Math.max(widest, lengthOf(row[index]!)), least);
  return { index, column, width };
}

function fit(columns: readonly Measured[], width: number, gap: number): readonly Measured[] {
  const room = width - gap * (columns.length - 1);
  const least = columns.map(({ column, width }) => Math.min(width, column.least ?? width));
  const wanted = columns.map(({ column }, i) => Math.max(least[i]!, column.reserve ?? 0));
  const dispensable = columns.filter(({ column }) => column.leaveOut !== undefined);
  if (sum(wanted) > room && dispensable.length > 0) {
    const out = dispensable.reduce((a, b) => b.column.leaveOut! > a.column.leaveOut! ? b : a);
    return fit(columns.filter((column) => column !== out), width, gap);
  }
  const widths = columns.map(({ width }) => width);
  cutDown(widths, wanted, room);
  cutDown(widths, least, room);
  return columns.map((column, i) => ({ ...column, width: widths[i]! }));
}

/** Narrows the widest column, but none below its minimum, until all fit. */
function cutDown(widths: number[], floors: readonly number[], room: number): void {
  for (let excess = sum(widths) - room; excess > 0; excess--) {
    const widest = widths.reduce(
      (found, width, i) => width > floors[i]! && (found === -1 || width > widths[found]!) ? i : found,
      -1,
    );
    if (widest === -1) return;
    widths[widest]! -= 1;
  }
}

function aligned(text: string, width: number, align: "right" | undefined): string {
  const shown = cut(text, width);
  const blanks = " ".repeat(width - lengthOf(shown));
  return align === "right" ? blanks + shown : shown + blanks;
}

/** In code points. Wide characters count as one: they are rare in addresses and names. */
function lengthOf(text: string): number {
  return Array.from(text).length;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
