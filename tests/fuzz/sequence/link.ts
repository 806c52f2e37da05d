/** A relayed connection with both its ends: what was done to it, and so what may come of it. */

import type { End } from "../peers/end.ts";
import type { Side } from "./commands.ts";

/** Something that was done to a connection. */
export interface Act {
  readonly by: Side | "proxy";
  readonly kind: "finish" | "close" | "reset" | "killed" | "endpoint_down";
  /** Whoever did it had already seen the other side's end. */
  readonly afterOther: boolean;
}

/** One way: what of its bytes has to arrive. */
interface Flow {
  /** Some may be lost, as one of the ends broke the connection. */
  isLossy: boolean;
}

export class Link {
  readonly number: number;
  readonly client: End;
  /** The client's address in the log; undefined for a unix socket. */
  readonly name: string | undefined;
  readonly acts: Act[] = [];
  readonly #flows: Record<Side, Flow> = { client: { isLossy: false }, upstream: { isLossy: false } };
  upstream: End | undefined;
  endpoint = -1;
  /** The number that sluice has given it. */
  id: number | undefined;

  constructor(number: number, client: End, name: string | undefined) {
    this.number = number;
    this.client = client;
    this.name = name;
  }

  end(side: Side): End | undefined {
    return side === "client" ? this.client : this.upstream;
  }

  /** Whether bytes from this side may be lost. */
  mayLose(from: Side): boolean {
    return this.#flows[from].isLossy;
  }

  /** Bytes are sent from now on that the other side may answer with a reset, if it is closed. */
  sending(from: Side): void {
    const other = this.end(otherOf(from));
    if (other?.isGone && this.end(from)!.ending === undefined) this.#lose("client", "upstream");
  }

  /** This side has finished, closes or resets now. @param loses Whether what it sent may be lost. */
  act(by: Side, kind: "finish" | "close" | "reset", loses: boolean): void {
    this.acts.push({ by, kind, afterOther: this.end(by)?.ending !== undefined });
    if (kind !== "finish") this.#lose(otherOf(by));
    if (loses) this.#lose(by);
  }

  finish(side: Side): void {
    this.act(side, "finish", false);
    this.end(side)!.finish();
  }

  actOfProxy(kind: "killed" | "endpoint_down"): void {
    this.acts.push({ by: "proxy", kind, afterOther: false });
    this.#lose("client", "upstream");
  }

  /** Whether anyone has ended this side's way, so that the other side may see an end. */
  hasEnded(from: Side): boolean {
    return this.acts.some(({ by, kind }) => by === from || by === "proxy" || kind !== "finish");
  }

  /** It may be over: somebody broke it, or both have finished. */
  get mayBeOver(): boolean {
    return this.isBroken || new Set(this.acts.map(({ by }) => by)).size === 2;
  }

  /** Somebody broke it. */
  get isBroken(): boolean {
    return this.acts.some(({ kind }) => kind !== "finish");
  }

  #lose(...sides: Side[]): void {
    for (const side of sides) this.#flows[side].isLossy = true;
  }
}

export function otherOf(side: Side): Side {
  return side === "client" ? "upstream" : "client";
}
