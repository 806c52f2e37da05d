/** The conditions of routes. To add one, write its file and its line here, and its key in the schema. */

import type { RouteConfig } from "../../config/config.ts";
import { alpn } from "./alpn.ts";
import type { Condition, Test } from "./condition.ts";
import { listenPort } from "./listen_port.ts";
import { sni } from "./sni.ts";
import { sourceIp } from "./source_ip.ts";

/** Keys of a route that are no conditions, or that {@linkcode PortTable} looks up for all routes at once. */
type Other = "upstream" | "sourcePort";

type Conditions = {
  readonly [Key in Exclude<keyof RouteConfig, Other>]-?: Condition<NonNullable<RouteConfig[Key]>>;
};

/** By their keys in the configuration; asked in this order. */
const CONDITIONS: Conditions = {
  listenPort,
  sourceIp,
  sni,
  alpn,
};

/** The conditions of a route, but for its source ports. @throws {SyntaxError} */
export function compileConditions(route: RouteConfig): readonly Test[] {
  return conditionsOf(route).map(([condition, value]) => condition.compile(value));
}

/** Whether a route tests fields of the ClientHello. */
export function readsHello(route: RouteConfig): boolean {
  return conditionsOf(route).some(([condition]) => condition.readsHello === true);
}

function conditionsOf(route: RouteConfig): [Condition<unknown>, unknown][] {
  return Object.entries(CONDITIONS)
    .map(([key, condition]): [Condition<unknown>, unknown] => [condition, route[key as keyof RouteConfig]])
    .filter(([, value]) => value !== undefined);
}
