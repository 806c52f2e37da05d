/** The conditions of routes. To add one, write its file and its line here, and its key in the schema. */

import type { RouteConfig } from "../../config/config.ts";
import type { FileLists } from "../file_lists.ts";
import { alpn } from "./alpn.ts";
import { clientIssuer } from "./client_issuer.ts";
import { clientName } from "./client_name.ts";
import { clientSubject } from "./client_subject.ts";
import type { Condition, Test } from "./condition.ts";
import { listenPort } from "./listen_port.ts";
import { protocol } from "./protocol.ts";
import { silent } from "./silent.ts";
import { sni } from "./sni.ts";
import { sourceIp } from "./source_ip.ts";
import { startsWith } from "./starts_with.ts";

/** Keys of a route that are not conditions, or that {@linkcode PortTable} tests for all routes at once. */
type Other = "tls" | "upstream" | "sourcePort";

type Conditions = {
  readonly [Key in Exclude<keyof RouteConfig, Other>]-?: Condition<NonNullable<RouteConfig[Key]>>;
};

/** By their keys in the configuration; tested in this order, those first that need no byte of the client. */
const CONDITIONS: Conditions = {
  listenPort,
  sourceIp,
  clientName,
  clientSubject,
  clientIssuer,
  protocol,
  startsWith,
  silent,
  sni,
  alpn,
};

/** The conditions of a route, except its source ports. @throws {SyntaxError} */
export function compileConditions(route: Partial<RouteConfig>, lists: FileLists): readonly Test[] {
  return conditionsOf(route).map(([condition, value]) => condition.compile(value, lists));
}

/** Whether a route tests what clients send first. */
export function peeks(route: RouteConfig): boolean {
  return conditionsOf(route).some(([condition]) => condition.reads !== undefined);
}

/** Whether it tests the bytes themselves. */
export function readsBytes(route: RouteConfig): boolean {
  return conditionsOf(route).some(([condition]) => condition.reads === "bytes");
}

function conditionsOf(route: Partial<RouteConfig>): [Condition<unknown>, unknown][] {
  return Object.entries(CONDITIONS)
    .map(([key, condition]): [Condition<unknown>, unknown] => [condition, route[key as keyof RouteConfig]])
    .filter(([, value]) => value !== undefined);
}
