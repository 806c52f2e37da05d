/** Simulates a fleet, and writes the tables and the picture of docs/deploy/fleet.md: `deno task sim`. */

import { readDoc, withTable } from "../support/docs/tables.ts";
import { type HerdRun, removalsText, simulateHerds, tablesOf } from "./page.ts";
import { pictureOf } from "./picture.ts";

const DOCS = new URL("../../docs/", import.meta.url);
export const FILE = "deploy/fleet.md";
export const PICTURE = "deploy/fleet.svg";

/** The page with the figures of a simulation in its tables, and in its text. */
export function withFigures(page: string, herds: readonly HerdRun[]): string {
  const text = tablesOf(herds).reduce((text, table) => withTable(text, { file: FILE, ...table }), page);
  const removals = removalsText();
  const pattern = new RegExp(removals.replace(/[\d.]+ %/g, "[\\d.]+ %").replaceAll(" ", "\\s+"));
  if (!pattern.test(text)) throw new Error(`docs/${FILE} has no sentence "${removals}"`);
  // `deno task sim` has deno fmt break the lines again.
  return text.replace(pattern, (found) => sameWords(found, removals) ? found : removals);
}

function sameWords(one: string, other: string): boolean {
  return one.replaceAll(/\s+/g, " ") === other;
}

if (import.meta.main) {
  const herds = simulateHerds();
  Deno.writeTextFileSync(new URL(FILE, DOCS), withFigures(readDoc(FILE), herds));
  Deno.writeTextFileSync(new URL(PICTURE, DOCS), pictureOf(herds));
}
