/** Has stages come to connections and go, while they live. None of them changes a byte. */

import { Relay } from "../../../src/relay/relay.ts";
import type { PlacedStage } from "../../../src/relay/stages.ts";
import { KINDS, stageOf } from "../../support/fakes/stage_family.ts";
import { hasStages } from "../services.ts";

/** How long it takes from one change to the next at most, in milliseconds: what stages hold back has to wait so long. */
const LONGEST = 20;
/** Stages of a connection at the same time. */
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

/** Returns what ends it. */
function comeAndGo(relay: Relay): () => void {
  const placed: PlacedStage[] = [];
  const change = () => {
    if (placed.length === 0 || placed.length < MOST && Math.random() < 0.5) {
      const way = Math.random() < 0.5 ? "upload" : "download";
      const kind = KEEP_BYTES[Math.floor(Math.random() * KEEP_BYTES.length)]!;
      const stage = relay.addStage(way, stageOf(kind));
      if (stage !== undefined) placed.push(stage);
    } else void relay.removeStage(placed.splice(Math.floor(Math.random() * placed.length), 1)[0]!);
    timer = setTimeout(change, Math.random() * LONGEST);
  };
  let timer = setTimeout(change, Math.random() * LONGEST);
  return () => clearTimeout(timer);
}
