/** Waiting until everything has come that can come. */

import type { Side } from "./commands.ts";
import { type Link, otherOf } from "./link.ts";
import type { Scene } from "./scene.ts";
import { Fault } from "./waiting.ts";

/** Waits until everything has come that nobody's stalling holds up. @throws {Fault} */
export async function settle(scene: Scene): Promise<void> {
  for (const link of scene.links) {
    for (const from of ["client", "upstream"] as const) await settleFlow(scene, link, from);
  }
}

async function settleFlow(scene: Scene, link: Link, from: Side): Promise<void> {
  const [sender, receiver] = [link.end(from), link.end(otherOf(from))];
  if (sender === undefined || receiver === undefined || receiver.isGone || receiver.isStalled) return;
  const side = otherOf(from);
  if (link.mayLose(from)) {
    if (mustSeeEnd(scene, link, from)) {
      await scene.waiting.until(
        `the ${side} of connection ${link.number} to see its end`,
        () => receiver.ending !== undefined,
      );
      checkPassed(scene, link, from);
    }
    return;
  }
  const hasAll = () =>
    receiver.received === sender.asked && (!seesFinish(scene, link, from) || receiver.ending !== undefined);
  await scene.waiting.until(
    () =>
      `the ${side} of connection ${link.number} to receive ${sender.asked} bytes` +
      `${seesFinish(scene, link, from) ? " and the end" : ""}; it has ${receiver.received}, and ` +
      `${receiver.ending ?? "no end"}; ${sender.sent} are sent${
        sender.writeError ? `, then ${sender.writeError}` : ""
      }`,
    () => hasAll() || link.mayLose(from) || receiver.ending !== undefined || receiver.isGone,
  );
  scene.check();
}

/** With `reset: pass`, a reset arrives as one, where both sockets can have it. */
function checkPassed(scene: Scene, link: Link, from: Side): void {
  const { socket, listen, upstream, pool } = scene.target.row;
  if (socket !== "pass" || listen !== "tcp" || upstream !== "tcp" || pool === "reuse") return;
  if (link.acts.length !== 1 || link.acts[0]!.kind !== "reset") return;
  if (link.end(otherOf(from))!.ending === "eof") {
    throw new Fault(
      `the reset of the ${from} of connection ${link.number} was passed on as an orderly end`,
    );
  }
}

function seesFinish(scene: Scene, link: Link, from: Side): boolean {
  const ended = link.acts.some(({ by, kind }) => by === from && kind !== "reset");
  return ended && !(scene.target.row.pool === "reuse" && from === "client");
}

/** Who is reset while nobody waits for it is noticed at the next read or write. */
function mustSeeEnd(scene: Scene, link: Link, from: Side): boolean {
  if (scene.target.row.pool === "reuse" && from === "client") return false;
  const finished = link.acts.findIndex(({ by, kind }) => by === from && kind === "finish");
  const broke = link.acts.findIndex(({ by, kind }) => by === from && kind !== "finish" || by === "proxy");
  return broke >= 0 && (finished < 0 || link.acts[broke]!.by === "proxy");
}
