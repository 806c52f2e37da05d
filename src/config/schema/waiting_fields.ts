/** The keys of a group that say what happens to clients that no endpoint can take now. */

import * as z from "zod";
import { choice, count, duration } from "./fields.ts";
import { JITLESS, section, type SectionOutput, shorthand } from "./section.ts";

/** The most clients that one queue may hold. */
const MAX_LENGTH = 100_000;

const QUEUE = 'a duration such as "5s", or a mapping such as "timeout: 5s"';

const queueLength = {
  length: count(1, MAX_LENGTH).prefault(1000).describe(
    "How many clients may wait, in all threads together. Others are refused.",
  ),
};

const queueSettings = section(QUEUE, {
  timeout: duration(1).describe("How long a client waits. Then it is refused."),
  ...queueLength,
}).describe("How clients wait for a place.");

let lengthDefaults: SectionOutput<typeof queueLength> | undefined;

function withDefaults(timeout: number): z.output<typeof queueSettings> {
  lengthDefaults ??= section(QUEUE, queueLength).parse({}, { ...JITLESS });
  return { timeout, ...lengthDefaults };
}

export const waiting = {
  on_all_down: choice("try", "refuse", "wait").prefault("try").describe(
    "What happens to clients while no endpoint is up. try: they get one that is down. refuse: they are refused at " +
      "once. wait: they wait, for retry.timeout at most, and failed connects are tried again in this time.",
  ),
  queue: z.union([shorthand(duration(1), withDefaults), queueSettings], { error: QUEUE }).optional().describe(
    "While every usable endpoint has its max_connections, clients wait for a place, first come, first served. " +
      "Left out, they are refused.",
  ),
};
