/** The filter of a program that uses the library: a stage for each direction. */

import type { Filter, FilterFactory } from "../config/filter.ts";
import type { Relay } from "./relay.ts";
import type { Stage } from "./stages.ts";

const NAME = "filter";

/** An error in a filter ends the connection. */
export function addFilter(relay: Relay, make: FilterFactory): void {
  let filter: Filter | undefined;
  relay.addStage("upload", (context) => {
    filter = checked(make(context));
    return stageOf(filter?.upload);
  });
  relay.addStage("download", () => stageOf(filter?.download));
}

function stageOf(transform: Filter["upload"]): Stage | undefined {
  return transform === undefined ? undefined : { name: NAME, transform };
}

/** A program in JavaScript has no types, so its factory may be async by mistake. */
function checked(filter: unknown): Filter | undefined {
  if (filter === undefined) return undefined;
  if (typeof filter !== "object" || filter === null || filter instanceof Promise) {
    throw new TypeError("A filter must be an object such as { upload, download }");
  }
  return filter;
}
