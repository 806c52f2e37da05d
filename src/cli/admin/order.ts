/** Which connections `top` and `connections` list, and in which order. */

import type { ConnectionQuery, SortKey } from "../../admin/views.ts";
import type { Options } from "../options.ts";
import type { CommandOption } from "./command.ts";

export type ConnectionOrder = Pick<ConnectionQuery, "filter" | "sort" | "isDescending">;

/** In the order in which `top` goes through them. */
export const SORT_KEYS: readonly SortKey[] = ["bytes", "age", "id", "client", "service", "endpoint"];

export const ORDER_OPTIONS: readonly CommandOption[] = [
  {
    name: "filter",
    value: "TEXT",
    help: "only those whose service, client, peer, SNI, upstream or endpoint contains TEXT",
  },
  { name: "sort", value: "KEY", help: "bytes (default), age, id, client, service or endpoint" },
  { name: "reverse", help: "reverse the order: bytes and age begin with the largest, others with the first" },
];

/** Amounts begin with the largest, everything else with the first. */
export function isDescendingByDefault(key: SortKey): boolean {
  return key === "bytes" || key === "age";
}

/** @throws {UsageError} */
export function orderOf(options: Options): ConnectionOrder {
  const sort = options.choice("sort", SORT_KEYS) ?? "bytes";
  return {
    filter: options.string("filter") ?? "",
    sort,
    isDescending: isDescendingByDefault(sort) !== options.has("reverse"),
  };
}
