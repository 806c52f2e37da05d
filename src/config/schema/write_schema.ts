/** Writes `schema.json` next to this file: `deno task schema`. */

import { jsonSchemaText } from "./json_schema.ts";

if (import.meta.main) await Deno.writeTextFile(new URL("../schema.json", import.meta.url), jsonSchemaText());
