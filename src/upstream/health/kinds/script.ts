/** A check that sends and expects in turn. */

import type { Exchange } from "../exchange.ts";
import { type Expectation, expectationOf } from "../expectation.ts";
import { quoted } from "../../../wire/quoted.ts";
import { bad, good, type Verdict } from "../verdict.ts";
import type { CheckKind } from "./registry.ts";

/** From this many steps on, a cause has the number of its step. */
const NUMBERED = 3;

export const scriptCheck: CheckKind = ({ script, send, expect }) => {
  const written = script ?? [{ send }, { expect }];
  const steps = written.flatMap((step): (Uint8Array | Expectation)[] => {
    if (step.send !== undefined) return [step.send];
    return "expect" in step && step.expect !== undefined ? [expectationOf(step.expect)] : [];
  });
  if (steps.length === 0) return undefined;
  return async (exchange) => {
    let verdict = good("connected");
    for (const [index, step] of steps.entries()) {
      const where = steps.length < NUMBERED ? "" : `step ${index + 1}: `;
      if (step instanceof Uint8Array) {
        exchange.send(step);
        exchange.late = where + exchange.late;
      } else {
        verdict = await expectNext(exchange, step, where);
        if (verdict.outcome === "bad") return { ...verdict, cause: where + verdict.cause };
      }
    }
    if (steps.at(-1) instanceof Uint8Array) await exchange.sent();
    return verdict;
  };
};

/** Receives until it is known whether the answer is as expected, and skips what matched and all before it. */
async function expectNext(exchange: Exchange, expectation: Expectation, where: string): Promise<Verdict> {
  const { within } = exchange;
  exchange.late = `${where}no answer ${within}`;
  for (;;) {
    const { received } = exchange;
    if (received.length > 0) {
      const match = expectation.find(received);
      if (typeof match === "object") {
        const cause = `answered ${quoted(received.subarray(match.start, match.end))}`;
        exchange.skip(match.end);
        return good(cause);
      }
      if (match === "never") return bad(`answered ${quoted(received)} ${expectation.unmet}`);
      if (exchange.isFull) {
        return bad(`answered ${quoted(received)} ${expectation.unmet} in the first 16 KiB`);
      }
      exchange.late = `${where}answered ${expectation.unfinished(received)} ${within}`;
    }
    if (!await exchange.more()) {
      const { received } = exchange;
      return bad(
        received.length === 0
          ? "closed before it answered"
          : `answered ${quoted(received)} ${expectation.unmet}`,
      );
    }
  }
}
