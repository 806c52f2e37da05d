/** Entries of a list that are in a file. */

import type * as z from "zod";
import { filePath, type PathResolver } from "../values/file_path.ts";
import type { JsonSchema } from "../values/scalar.ts";
import { section } from "./section.ts";

export const listFile = section('a mapping such as "file: blocked.txt"', {
  file: filePath("blocked.txt").describe("A text file with one entry on each line, and comments after a #."),
}).describe("A file with entries of a list.");

/** How editors accept it. */
export const LIST_FILE: JsonSchema = { $ref: "#/$defs/list_file" };

/** A file with entries; absolute once the configuration is complete. */
export type ListFile = z.output<typeof listFile>;

/** An entry of a list: its text, or a file with any number of them. */
export type ListEntry = string | ListFile;

export function completeList(entries: readonly ListEntry[], pathOf: PathResolver): readonly ListEntry[] {
  return entries.map((entry) => typeof entry === "string" ? entry : { file: pathOf(entry.file) });
}
