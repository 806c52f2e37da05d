/** Simulates the fleet of docs/deploy/fleet.md again: a file of its own, as that takes many seconds of a processor. */

import assert from "node:assert/strict";
import { readDoc } from "../support/docs/tables.ts";
import { FILE, PICTURE, withFigures } from "./main.ts";
import { simulateHerds } from "./page.ts";
import { pictureOf } from "./picture.ts";

Deno.test("docs/deploy/fleet.md and its picture have the figures of the simulation (else run deno task sim)", () => {
  const herds = simulateHerds();
  assert.equal(withFigures(readDoc(FILE), herds), readDoc(FILE));
  // deno fmt lays the picture out.
  assert.equal(joined(readDoc(PICTURE)), joined(pictureOf(herds)));
});

function joined(text: string): string {
  return text.replaceAll(/\s+/g, "").replaceAll("/>", ">");
}
