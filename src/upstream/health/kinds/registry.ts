/** All kinds of health checks. */

import type { HealthCheckConfig } from "../../../config/config.ts";
import type { Exchange } from "../exchange.ts";
import type { Verdict } from "../verdict.ts";
import { connectCheck } from "./connect.ts";
import { httpCheck } from "./http.ts";
import { scriptCheck } from "./script.ts";

/** What a check does once it is connected. It may throw what the connection throws. */
export type Conversation = (exchange: Exchange) => Promise<Verdict>;

/** Undefined if the configuration asks for another kind. */
export type CheckKind = (check: HealthCheckConfig) => Conversation | undefined;

/** The first that the configuration asks for is used. */
const KINDS: readonly (readonly [name: string, kind: CheckKind])[] = [
  ["http", httpCheck],
  ["script", scriptCheck],
  ["connect", connectCheck],
];

/** The name is the one that metrics have. */
export function conversationOf(check: HealthCheckConfig): { kind: string; converse: Conversation } {
  for (const [kind, make] of KINDS) {
    const converse = make(check);
    if (converse !== undefined) return { kind, converse };
  }
  throw new Error("connect asks for nothing");
}
