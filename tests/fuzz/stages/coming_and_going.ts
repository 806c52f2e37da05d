/** Adds stages to live connections, faults too, and removes them. No stage changes a byte. */

import { Relay } from "../../../src/relay/relay.ts";
import type { PlacedStage } from "../../../src/relay/stages.ts";
import { randomFaultStage } from "../../support/fakes/lossless_faults.ts";
import { KINDS, stageOf } from "../../support/fakes/stage_family.ts";
import { hasStages } from "../services.ts";

/** The longest time between two changes, in milliseconds: bytes that stages hold back wait so long. */
const LONGEST = 20;
/** The most stages of a connection at the same time. */
const MOST = 4;

const KEEP_BYTES = KINDS.filter((kind) => kind !== "upperCase");
const run = Relay.prototype.run;

Relay.prototype.run = function (): ReturnType<typeof run> {
  let service = "";
  this.addStage("upload", (context) => {
    service = context.service;
    return undefined;
  });
  const relayed = run.call(this);
  if (hasStages(service)) {
    const stop = comeAndGo(this);
    void relayed.then(stop);
  }
  return relayed;
};

/** Returns a function that ends it. */
function comeAndGo(relay: Relay): () => void {
  const placed: PlacedStage[] = [];
  const change = () => {
    if (placed.length === 0 || placed.length < MOST && Math.random() < 0.5) {
      const way = Math.random() < 0.5 ? "upload" : "download";
      const kind = KEEP_BYTES[Math.floor(Math.random() * KEEP_BYTES.length)]!;
      const make = Math.random() < 0.5 ? stageOf(kind) : randomFaultStage(Math.random);
      const stage = relay.addStage(way, make);
      if (stage !== undefined) placed.push(stage);
    } else void relay.removeStage(placed.splice(Math.floor(Math.random() * placed.length), 1)[0]!);
    timer = setTimeout(change, Math.random() * LONGEST);
  };
  let timer = setTimeout(change, Math.random() * LONGEST);
  return () => clearTimeout(timer);
}
