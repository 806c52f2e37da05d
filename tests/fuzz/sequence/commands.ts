/** The steps of the model, and their text form. */

import type { Random } from "../../support/random.ts";
import { BREAKING, KEEPING } from "../faults.ts";
import { MOST_LINKS, type ServiceRow } from "../services.ts";

export type Side = "client" | "upstream";

export type Command =
  /** A client connects, and may send or finish before its upstream is connected. */
  | OpenCommand
  /** This many clients connect and reset at once. */
  | { readonly op: "burst"; readonly count: number }
  | { readonly op: "send"; readonly link: number; readonly side: Side; readonly size: number }
  | { readonly op: SideOp; readonly link: number; readonly side: Side }
  /** An operator closes a connection. */
  | { readonly op: "kill"; readonly link: number }
  /** Waits until all bytes have arrived that can arrive. */
  | { readonly op: "settle" }
  | { readonly op: "reload"; readonly change: Change }
  /** An operator disables an endpoint (down, drain), or it refuses connections. */
  | { readonly op: "down"; readonly endpoint: number; readonly how: "down" | "drain" | "refuse" }
  /** Health checks find both endpoints down. */
  | { readonly op: "sick" }
  | { readonly op: "up" }
  /** A fault that keeps all bytes is added; or one is disabled or enabled, or removed. */
  | { readonly op: "fault"; readonly does: "add" | "change" | "remove"; readonly index: number }
  /** A fault refuses this many clients. */
  | { readonly op: "refuse"; readonly count: number }
  /** A fault takes the service down, and is removed. */
  | { readonly op: "outage" };

interface OpenCommand {
  readonly op: "open";
  readonly link: number;
  readonly early: "nothing" | "finish" | "send";
  /** The index of a fault that may end this connection or change its bytes. */
  readonly doom?: number;
}

export type SideOp = "stall" | "resume" | "finish" | "close" | "reset";
export type Change = "nothing" | "timeout" | "buffer" | "weight" | "extra" | "faults" | "check";

/** In bytes. More than the kernel buffers for a connection without a reader, so that a write has to wait. */
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
      change: random.pick(["nothing", "timeout", "buffer", "weight", "extra", "faults", "check"] as const),
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
  { weight: 1, make: () => ({ op: "sick" }) },
  { weight: 2, make: () => ({ op: "up" }) },
  {
    weight: 8,
    make: (_link, _side, random) => ({
      op: "fault",
      does: random.pick(["add", "add", "change", "remove"] as const),
      index: random.integer(0, KEEPING.length - 1),
    }),
  },
  { weight: 0.5, make: (_link, _side, random) => ({ op: "refuse", count: random.pick([1, 3]) }) },
  { weight: 0.5, make: () => ({ op: "outage" }) },
  { weight: 0.5, make: (_link, _side, random) => ({ op: "burst", count: random.pick([1, 3, 20]) }) },
];

/** A sequence that begins with a connection. */
export function randomSequence(random: Random, row: ServiceRow): Command[] {
  const commands: Command[] = [];
  let links = 0;
  const open = (early = earlyOf(random, row)) => {
    if (canDoom(row) && random.chance(0.3)) {
      const doom = random.integer(0, BREAKING.length - 1);
      commands.push({ op: "open", link: links++, early: "nothing", doom });
    } else commands.push({ op: "open", link: links++, early });
  };
  // The first connections go to the second tier, and have to go back.
  const isAway = row.share === "tiers" && random.chance(0.5);
  if (isAway) commands.push({ op: "down", endpoint: 0, how: random.pick(["down", "drain"] as const) });
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
  if (isAway) commands.splice(random.integer(2, commands.length), 0, { op: "up" });
  return commands.filter((command) => isPossible(command, row));
}

/**
 * One side has finished, and receives many bytes that it does not read at once: random steps rarely make a write wait
 * on a half-closed connection.
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
 * With `reuse`, upstreams see no ends of clients. Unix sockets have no resets, and upstreams on them cannot distinguish the
 * order of clients.
 */
function isPossible(
  { op }: Command,
  { pool, listen, upstream, faults, tlsIn, checks }: ServiceRow,
): boolean {
  // The only endpoint of a range would be away.
  if (op === "down") return listen !== "range";
  if (op === "sick") return checks !== "none";
  if (op === "fault" || op === "outage") return faults !== "none";
  // Deno.listenTls accepts a client after its handshake.
  if (op === "refuse") return faults !== "none" && tlsIn !== "deno";
  if (op === "burst") return listen !== "unix" && upstream === "tcp";
  return !(op === "finish" && pool === "reuse");
}

/** With `reuse`, the next client gets the upstream connection, and would have to know what the fault has left. */
function canDoom({ faults, pool }: ServiceRow): boolean {
  return faults !== "none" && pool !== "reuse";
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
      return `open ${command.link}${command.early === "nothing" ? "" : ` and ${command.early} at once`}` +
        (command.doom === undefined ? "" : ` with ${JSON.stringify(BREAKING[command.doom])}`);
    case "burst":
      return `burst of ${command.count} that reset`;
    case "send":
      return `send ${command.link} ${command.side} ${command.size}`;
    case "kill":
      return `kill ${command.link}`;
    case "fault":
      return `${command.does} fault ${
        command.does === "add" ? JSON.stringify(KEEPING[command.index]) : command.index
      }`;
    case "refuse":
      return `refuse ${command.count} by a fault`;
    case "settle":
    case "sick":
    case "up":
    case "outage":
      return command.op;
    case "reload":
      return `reload ${command.change}`;
    case "down":
      return `${command.how} endpoint ${command.endpoint}`;
    default:
      return `${command.op} ${command.link} ${command.side}`;
  }
}

/** Simpler steps that may fail too. */
export function simpler(command: Command): Command[] {
  switch (command.op) {
    case "send":
      return [1, 1000, 65_536, 1024 * 1024, 4 * 1024 * 1024, 8 * 1024 * 1024, 12 * 1024 * 1024]
        .filter((size) => size < command.size).map((size) => ({ ...command, size }));
    case "open":
      return command.early === "nothing" ? [] : [{ ...command, early: "nothing" }];
    case "burst":
    case "refuse":
      return [1, 3].filter((count) => count < command.count).map((count) => ({ op: command.op, count }));
    case "reload":
      return command.change === "nothing" ? [] : [{ op: "reload", change: "nothing" }];
    default:
      return [];
  }
}
