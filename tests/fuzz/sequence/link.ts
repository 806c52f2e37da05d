/** A relayed connection with both ends: the steps that concerned it, and so its possible outcomes. */

import type { End } from "../peers/end.ts";
import type { Side } from "./commands.ts";

/** A step that concerned a connection. */
export interface Act {
  readonly by: Side | "proxy";
  readonly kind: "finish" | "close" | "reset" | "killed" | "endpoint_down" | "failback" | "outage";
  /** Whether that side had already seen the other side's end. */
  readonly afterOther: boolean;
}

/** One direction: which of its bytes must arrive. */
interface Flow {
  /** Some may be lost, because one of the ends broke the connection. */
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
  /** Its id in sluice. */
  id: number | undefined;
  /** The type of the fault that may end it or change its bytes. */
  #doom: string | undefined;

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

  /** Bytes are sent from now on. If the other side is closed, it may answer them with a reset. */
  sending(from: Side): void {
    const other = this.end(otherOf(from));
    if (other?.isClosed && this.end(from)!.ending === undefined) this.#lose("client", "upstream");
  }

  /** This side finishes, closes or resets now. @param loses Whether the bytes that it sent may be lost. */
  act(by: Side, kind: "finish" | "close" | "reset", loses: boolean): void {
    this.acts.push({ by, kind, afterOther: this.end(by)?.ending !== undefined });
    if (kind !== "finish") this.#lose(otherOf(by));
    if (loses) this.#lose(by);
  }

  finish(side: Side): void {
    this.act(side, "finish", false);
    this.end(side)!.finish();
  }

  get doom(): string | undefined {
    return this.#doom;
  }

  /** A fault may end it or change its bytes from now on. */
  set doom(type: string) {
    this.#doom = type;
    this.#lose("client", "upstream");
  }

  actOfProxy(kind: "killed" | "endpoint_down" | "failback" | "outage"): void {
    this.acts.push({ by: "proxy", kind, afterOther: false });
    this.#lose("client", "upstream");
  }

  /** Whether this side's direction was ended, so that the other side may see an end. */
  hasEnded(from: Side): boolean {
    return this.acts.some(({ by, kind }) => by === from || by === "proxy" || kind !== "finish");
  }

  /** Whether it may have ended: one side broke it, or both have finished. */
  get mayBeOver(): boolean {
    return this.isBroken || this.doom !== undefined || new Set(this.acts.map(({ by }) => by)).size === 2;
  }

  /** Whether one side broke it. */
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
