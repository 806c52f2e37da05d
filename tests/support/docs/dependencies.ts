/** The packages that an executable has, for the table of docs/security.md. */

import denoJson from "../../../deno.json" with { type: "json" };
import type { Rows } from "./format_table.ts";

/** What each is for, by its name in the imports of deno.json. A test compares the names with what src imports. */
export const PURPOSES: Readonly<Record<string, string>> = {
  "@std/cli": "reads the arguments of the command line",
  "@std/log": "writes the log",
  "@std/yaml": "reads configurations",
  "eventsource-parser": "reads the events of the admin interface, for `sluice top`",
  "fastest-levenshtein": "finds the word that a typing error meant",
  "uplot/": "draws the charts of the admin page, in the browser",
  "yaml": "finds the line and column of a mistake, and writes configurations",
  "zod": "checks configurations and requests to the admin interface",
};

/** A row for each, with its version in deno.json. */
export function dependencyRows(): Rows {
  const imports: Readonly<Record<string, string>> = denoJson.imports;
  return [
    ["Package", "From", "Version", "What for"],
    ...Object.entries(PURPOSES).map(([name, purpose]) => {
      const [, registry, version] = /^(jsr|npm):\/?@?[^@]+@([^/]+)/.exec(imports[name] ?? "") ?? [];
      if (registry === undefined) throw new Error(`deno.json does not import ${name}`);
      return [`\`${name.replace("/", name.startsWith("@") ? "/" : "")}\``, registry, version!, purpose];
    }),
  ];
}
