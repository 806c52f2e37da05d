/** Writes what follows from the schema, `schema.json` and `options.ts` in the folder above: `deno task schema`. */

import { jsonSchemaText, optionsModule } from "./json_schema.ts";

if (import.meta.main) {
  await Deno.writeTextFile(new URL("../schema.json", import.meta.url), jsonSchemaText());
  await Deno.writeTextFile(new URL("../options.ts", import.meta.url), optionsModule());
}
