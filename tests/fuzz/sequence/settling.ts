/** Waits until all bytes have arrived that can arrive. */

import type { Side } from "./commands.ts";
import { type Link, otherOf } from "./link.ts";
import type { Scene } from "./scene.ts";
import { Fault } from "./waiting.ts";

/** Waits until all bytes have arrived that no stalled end holds up. @throws {Fault} */
export async function settle(scene: Scene): Promise<void> {
  await scene.faults.lift();
  for (const link of scene.links) {
    for (const from of ["client", "upstream"] as const) await settleFlow(scene, link, from);
  }
}

async function settleFlow(scene: Scene, link: Link, from: Side): Promise<void> {
  const [sender, receiver] = [link.end(from), link.end(otherOf(from))];
  if (sender === undefined || receiver === undefined || receiver.isClosed || receiver.isStalled) return;
  const side = otherOf(from);
  if (link.mayLose(from)) {
    if (link.doom === undefined && mustSeeEnd(scene, link, from)) {
      await scene.waiting.until(
        `the ${side} of connection ${link.number} to see its end`,
        () => receiver.ending !== undefined,
      );
      checkPassed(scene, link, from);
    }
    return;
  }
  const hasAll = () =>
    receiver.received === sender.queued && (!seesFinish(scene, link, from) || receiver.ending !== undefined);
  await scene.waiting.until(
    () =>
      `the ${side} of connection ${link.number} to receive ${sender.queued} bytes` +
      `${seesFinish(scene, link, from) ? " and the end" : ""}; it has ${receiver.received}, and ` +
      `${receiver.ending ?? "no end"}; ${sender.sent} are sent${
        sender.writeError ? `, then ${sender.writeError}` : ""
      }`,
    () => hasAll() || link.mayLose(from) || receiver.ending !== undefined || receiver.isClosed,
  );
  scene.check();
}

/** With `reset: pass`, a reset arrives as a reset, if both sockets support it. */
function checkPassed(scene: Scene, link: Link, from: Side): void {
  const { socket, listen, upstream, pool } = scene.target.row;
  if (socket !== "pass" || listen !== "tcp" || upstream !== "tcp" || pool === "reuse") return;
  if (link.acts.length !== 1 || link.acts[0]!.kind !== "reset") return;
  const { ending, writeError } = link.end(otherOf(from))!;
  // The kernel reports a reset once: to a write, and reads then see an end.
  if (ending === "eof" && writeError === undefined) {
    throw new Fault(
      `the reset of the ${from} of connection ${link.number} was passed on as an orderly end`,
    );
  }
}

function seesFinish(scene: Scene, link: Link, from: Side): boolean {
  const ended = link.acts.some(({ by, kind }) => by === from && kind !== "reset");
  return ended && !(scene.target.row.pool === "reuse" && from === "client");
}

/** If no read or write is pending, a reset is noticed at the next one. */
function mustSeeEnd(scene: Scene, link: Link, from: Side): boolean {
  if (scene.target.row.pool === "reuse" && from === "client") return false;
  const finished = link.acts.findIndex(({ by, kind }) => by === from && kind === "finish");
  const broke = link.acts.findIndex(({ by, kind }) => by === from && kind !== "finish" || by === "proxy");
  return broke >= 0 && (finished < 0 || link.acts[broke]!.by === "proxy");
}
