/** Simulates a fleet, and writes the tables and the picture of docs/deploy/fleet.md: `deno task sim`. */

import { readDoc, withTable } from "../support/docs/tables.ts";
import { herdRows, lagRows, limitRows, movesRows, simulateHerds } from "./page.ts";
import { pictureOf } from "./picture.ts";

const DOCS = new URL("../../docs/", import.meta.url);
export const FILE = "deploy/fleet.md";

if (import.meta.main) {
  const herds = simulateHerds();
  const tables = [
    { heading: "## One endpoint comes or goes", rows: movesRows() },
    { heading: "## Proxies learn of it at different times", rows: lagRows() },
    { heading: "## Limits", rows: limitRows() },
    { heading: "## An endpoint is back", rows: herdRows(herds) },
  ];
  const text = tables.reduce((page, table) => withTable(page, { file: FILE, ...table }), readDoc(FILE));
  Deno.writeTextFileSync(new URL(FILE, DOCS), text);
  Deno.writeTextFileSync(new URL("deploy/fleet.svg", DOCS), pictureOf(herds));
}
