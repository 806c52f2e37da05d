/** Finds conditions on client certificates where clients are never asked for one. */

import { anyOf } from "../input/closest.ts";
import { type Steps, stepThrough } from "../input/steps.ts";
import { CLIENT_CONDITIONS } from "../schema/client_fields.ts";
import type { Place } from "./place.ts";
import type { Service } from "./service.ts";

/** Adds what is wrong with the rules of one service about certificates of clients. */
export function* findClientConflicts(service: Service): Steps<void> {
  const { place, routes, routesBeforeTls } = service;
  const own = place.at("tls");
  const allowed = place.at("allow_clients");
  if (allowed.keys?.length === 0) {
    allowed.add(`Cannot choose clients by nothing: set ${anyOf(CLIENT_CONDITIONS)}, or leave it out`);
  }
  findUnknown(allowed, service.tls, place);
  yield* stepThrough(routes, (route) => findUnknown(route, routesBeforeTls ? [] : [own], place));
}

/** @param ends Where TLS ends before the rule applies. */
function findUnknown(rule: Place, ends: readonly Place[], service: Place): void {
  const set = CLIENT_CONDITIONS.filter((key) => rule.at(key).isSet);
  if (set.length === 0) return;
  const isHeader = service.at("accept_proxy_protocol").isSet;
  const terminating = ends.filter(({ keys }) => keys !== undefined);
  for (const key of set) {
    const reason = terminating.length > 0
      ? reasonAgainst(terminating)
      : !isHeader
      ? ends.length === 0
        ? "TLS ends only after the route is chosen"
        : `TLS does not end here, set ${service.at("tls")} with client_ca`
      : key === "client_name"
      ? undefined
      : "a PROXY header has only the common name of a certificate, use client_name";
    if (reason !== undefined) rule.at(key).add(`Cannot be known: ${reason}`);
  }
}

/** Why no client is asked for a certificate where TLS ends. */
function reasonAgainst(ends: readonly Place[]): string | undefined {
  const [first] = ends;
  const [ca, auth] = [first!.at("client_ca"), first!.at("client_auth")];
  if (ends.some((tls) => tls.at("client_ca").isSet && !tls.at("client_auth").is("none"))) return undefined;
  return auth.is("none") ? `${auth} is none` : `clients are asked for no certificate, set ${ca}`;
}
