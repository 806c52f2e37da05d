/** Arguments of the commands that talk to a running proxy. */

import type { EndpointView, SortKey } from "../../admin/views.ts";
import { closestOf } from "../../config/input/closest.ts";
import { Options } from "../options.ts";
import { UsageError } from "../usage.ts";

/** Where the proxy is, as far as the command line says. */
export interface AdminFlags {
  /** As written. */
  readonly address: string | undefined;
  /** The configuration of the proxy, which says where it listens and what its token is. */
  readonly config: string | undefined;
  readonly tokenFile: string | undefined;
}

/** Which connections, and in which order. */
export interface ConnectionOrder {
  readonly filter: string;
  readonly sort: SortKey;
  readonly isDescending: boolean;
}

export type AdminCommand =
  | { readonly kind: "top"; readonly admin: AdminFlags; readonly order: ConnectionOrder }
  | { readonly kind: "status"; readonly admin: AdminFlags; readonly json: boolean }
  | {
    readonly kind: "connections";
    readonly admin: AdminFlags;
    readonly order: ConnectionOrder;
    readonly limit: number;
    readonly json: boolean;
  }
  | {
    readonly kind: "kill";
    readonly admin: AdminFlags;
    readonly ids: readonly number[];
    readonly json: boolean;
  }
  | {
    readonly kind: "upstream";
    readonly admin: AdminFlags;
    readonly group: string;
    readonly endpoint: string;
    readonly state: EndpointView["admin"];
    readonly json: boolean;
  }
  | { readonly kind: "reload"; readonly admin: AdminFlags }
  | { readonly kind: "drain"; readonly admin: AdminFlags; readonly deadline: number | undefined }
  | { readonly kind: "help"; readonly topic: AdminCommandName };

export const ADMIN_COMMANDS = [
  "top",
  "status",
  "connections",
  "kill",
  "upstream",
  "reload",
  "drain",
] as const;

export type AdminCommandName = typeof ADMIN_COMMANDS[number];

/** In the order in which `top` goes through them. */
export const SORT_KEYS: readonly SortKey[] = ["bytes", "age", "id", "client", "service", "endpoint"];

/** How many connections `connections` lists unless told. */
const DEFAULT_LIMIT = 100;

const ORDER_STRINGS = ["filter", "sort"];

export function isAdminCommand(word: string): word is AdminCommandName {
  return ADMIN_COMMANDS.some((name) => name === word);
}

/** Amounts are looked at from the largest down, everything else from the first up. */
export function isDescendingByNature(key: SortKey): boolean {
  return key === "bytes" || key === "age";
}

/**
 * Parses what follows the name of the command.
 *
 * @throws {UsageError}
 */
export function parseAdminCommand(name: AdminCommandName, args: readonly string[]): AdminCommand {
  const { string = [], boolean = [], words, command } = COMMANDS[name];
  const options = new Options(args, {
    string: ["admin", "config", "token-file", ...string],
    boolean: ["help", ...boolean],
    alias: { c: "config", h: "help" },
  }, name);
  if (options.has("help")) return { kind: "help", topic: name };
  if (words === undefined && options.words.length > 0) {
    throw new UsageError(`Unknown argument "${options.words[0]}": sluice ${name} takes options only`, name);
  }
  return command(options, adminFlagsOf(options));
}

/** What each command takes beside what all take. */
const COMMANDS: Record<AdminCommandName, {
  readonly string?: readonly string[];
  readonly boolean?: readonly string[];
  /** Set where words that are no options mean something. */
  readonly words?: true;
  readonly command: (options: Options, admin: AdminFlags) => AdminCommand;
}> = {
  top: {
    string: ORDER_STRINGS,
    boolean: ["reverse"],
    command: (options, admin) => ({ kind: "top", admin, order: orderOf(options) }),
  },
  status: {
    boolean: ["json"],
    command: (options, admin) => ({ kind: "status", admin, json: options.has("json") }),
  },
  connections: {
    string: [...ORDER_STRINGS, "limit"],
    boolean: ["reverse", "json"],
    command: (options, admin) => ({
      kind: "connections",
      admin,
      order: orderOf(options),
      limit: options.count("limit") ?? DEFAULT_LIMIT,
      json: options.has("json"),
    }),
  },
  kill: {
    boolean: ["json"],
    words: true,
    command: (options, admin) => ({
      kind: "kill",
      admin,
      ids: idsOf(options.words),
      json: options.has("json"),
    }),
  },
  upstream: {
    boolean: ["json"],
    words: true,
    command: (options, admin) => ({
      kind: "upstream",
      admin,
      ...endpointStateOf(options.words),
      json: options.has("json"),
    }),
  },
  reload: { command: (_, admin) => ({ kind: "reload", admin }) },
  drain: {
    string: ["deadline"],
    command: (options, admin) => ({ kind: "drain", admin, deadline: options.duration("deadline") }),
  },
};

function adminFlagsOf(options: Options): AdminFlags {
  return {
    address: options.string("admin"),
    config: options.string("config"),
    tokenFile: options.string("token-file"),
  };
}

function orderOf(options: Options): ConnectionOrder {
  const sort = options.choice("sort", SORT_KEYS) ?? "bytes";
  return {
    filter: options.string("filter") ?? "",
    sort,
    isDescending: isDescendingByNature(sort) !== options.has("reverse"),
  };
}

function idsOf(words: readonly string[]): number[] {
  if (words.length === 0) {
    throw new UsageError("No connection given: sluice kill ID; sluice connections lists them", "kill");
  }
  return [...new Set(words.map(idOf))];
}

function idOf(word: string): number {
  const id = Number(word);
  if (/^\d+$/.test(word) && Number.isSafeInteger(id)) return id;
  throw new UsageError(
    `Cannot use "${word}" as a connection id: expected a number; sluice connections lists them`,
    "kill",
  );
}

function endpointStateOf(words: readonly string[]) {
  const [group, endpoint, state, ...more] = words;
  if (group === undefined || endpoint === undefined || state === undefined || more.length > 0) {
    throw new UsageError(
      "Three words are needed: sluice upstream GROUP ENDPOINT up|drain|down; sluice status lists them",
      "upstream",
    );
  }
  if (state === "up" || state === "drain" || state === "down") return { group, endpoint, state } as const;
  const meant = closestOf(state, ["up", "drain", "down"]);
  const hint = meant === undefined ? "expected up, drain, down" : `did you mean "${meant}"?`;
  throw new UsageError(`Cannot set an endpoint to "${state}": ${hint}`, "upstream");
}
