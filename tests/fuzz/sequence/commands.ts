/** What the model can do with a service, and how it is written down. */

import type { Random } from "../../support/random.ts";
import type { ServiceRow } from "../services.ts";

export type Side = "client" | "upstream";

export type Command =
  /** A client comes, and may finish or send before its upstream is there. */
  | { readonly op: "open"; readonly link: number; readonly early: "nothing" | "finish" | "send" }
  /** So many clients come and reset at once. */
  | { readonly op: "burst"; readonly count: number }
  | { readonly op: "send"; readonly link: number; readonly side: Side; readonly size: number }
  | { readonly op: SideOp; readonly link: number; readonly side: Side }
  /** An operator closes it. */
  | { readonly op: "kill"; readonly link: number }
  /** Waits until all has come that can come. */
  | { readonly op: "settle" }
  | { readonly op: "reload"; readonly change: Change }
  /** An endpoint is taken out by an operator (down, drain), or refuses connections. */
  | { readonly op: "down"; readonly endpoint: number; readonly how: "down" | "drain" | "refuse" }
  | { readonly op: "up" };

export type SideOp = "stall" | "resume" | "finish" | "close" | "reset";
export type Change = "nothing" | "timeout" | "buffer" | "weight" | "extra";

const MOST_LINKS = 3;
/** In bytes. More than kernels keep for a connection that nobody reads, so that a write has to wait. */
const LARGE = [6 * 1024 * 1024, 16 * 1024 * 1024] as const;
const SMALL = [1, 256 * 1024] as const;

interface Weighted {
  readonly weight: number;
  readonly make: (link: number, side: Side, random: Random, row: ServiceRow) => Command;
}

const sided = (op: SideOp) => (link: number, side: Side): Command => ({ op, link, side });

const AFTER_OPEN: readonly Weighted[] = [
  {
    weight: 10,
    make: (link, side, random, row) => ({ op: "send", link, side, size: sizeOf(random, row) }),
  },
  { weight: 4, make: sided("stall") },
  { weight: 2, make: sided("resume") },
  { weight: 5, make: sided("finish") },
  { weight: 2, make: sided("close") },
  { weight: 3, make: sided("reset") },
  { weight: 1, make: (link) => ({ op: "kill", link }) },
  { weight: 3, make: () => ({ op: "settle" }) },
  {
    weight: 1,
    make: (_link, _side, random) => ({
      op: "reload",
      change: random.pick(["nothing", "timeout", "buffer", "weight", "extra"] as const),
    }),
  },
  {
    weight: 1,
    make: (_link, _side, random) => ({
      op: "down",
      endpoint: random.integer(0, 1),
      how: random.pick(["down", "drain", "refuse"] as const),
    }),
  },
  { weight: 1, make: () => ({ op: "up" }) },
  { weight: 0.5, make: (_link, _side, random) => ({ op: "burst", count: random.pick([1, 3, 20]) }) },
];

/** A sequence that begins with a connection. */
export function randomSequence(random: Random, row: ServiceRow): Command[] {
  const commands: Command[] = [];
  let links = 0;
  const open = (early = earlyOf(random, row)) => commands.push({ op: "open", link: links++, early });
  if (random.chance(0.35)) {
    open("nothing");
    commands.push(...oneWay(random, row));
  } else open();
  for (let left = random.integer(1, 12); left > 0; left--) {
    if (links < MOST_LINKS && random.chance(0.12)) open();
    else {
      const { make } = random.pickWeighted(AFTER_OPEN);
      const side = random.pick(["client", "upstream"] as const);
      commands.push(make(random.integer(0, links - 1), side, random, row));
    }
  }
  return commands.filter((command) => isPossible(command, row));
}

/**
 * One side has finished, and much comes to it that it does not read at once: chance alone rarely has a write wait on a
 * connection that is half closed.
 */
function oneWay(random: Random, row: ServiceRow): Command[] {
  const side = random.pick(["client", "upstream"] as const);
  const other = side === "client" ? "upstream" : "client";
  const size = row.rate === "slow" ? 128 * 1024 : random.integer(...LARGE);
  return [
    { op: "finish", link: 0, side },
    { op: "settle" },
    ...random.chance(0.8) ? [{ op: "stall", link: 0, side } as const] : [],
    { op: "send", link: 0, side: other, size },
  ];
}

/**
 * With `reuse`, upstreams see no ends of clients. Unix sockets have no resets, and those of an upstream do not tell who
 * came before whom.
 */
function isPossible({ op }: Command, { pool, listen, upstream }: ServiceRow): boolean {
  if (op === "burst") return listen === "tcp" && upstream === "tcp";
  return !(op === "finish" && pool === "reuse");
}

function earlyOf(random: Random, { pool }: ServiceRow): "nothing" | "finish" | "send" {
  if (pool !== "none") return "nothing";
  return random.pick(["nothing", "nothing", "finish", "send"] as const);
}

function sizeOf(random: Random, { rate }: ServiceRow): number {
  if (rate === "slow") return random.size(1, 128 * 1024);
  return random.chance(0.25) ? random.size(...LARGE) : random.size(...SMALL);
}

export function commandText(command: Command): string {
  switch (command.op) {
    case "open":
      return `open ${command.link}${command.early === "nothing" ? "" : ` and ${command.early} at once`}`;
    case "burst":
      return `burst of ${command.count} that reset`;
    case "send":
      return `send ${command.link} ${command.side} ${command.size}`;
    case "kill":
      return `kill ${command.link}`;
    case "settle":
    case "up":
      return command.op;
    case "reload":
      return `reload ${command.change}`;
    case "down":
      return `${command.how} endpoint ${command.endpoint}`;
    default:
      return `${command.op} ${command.link} ${command.side}`;
  }
}

/** Simpler ones that may fail as well. */
export function simpler(command: Command): Command[] {
  switch (command.op) {
    case "send":
      return [1, 1000, 65_536, 1024 * 1024, 4 * 1024 * 1024, 8 * 1024 * 1024, 12 * 1024 * 1024]
        .filter((size) => size < command.size).map((size) => ({ ...command, size }));
    case "open":
      return command.early === "nothing" ? [] : [{ ...command, early: "nothing" }];
    case "burst":
      return [1, 3].filter((count) => count < command.count).map((count) => ({ op: "burst", count }));
    case "reload":
      return command.change === "nothing" ? [] : [{ op: "reload", change: "nothing" }];
    default:
      return [];
  }
}
