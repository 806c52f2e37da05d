/** Finds upstreams whose host clients choose by their server name, where that is impossible. */

import { isChosenByClient } from "../../net/address.ts";
import { type Steps, stepThrough } from "../input/steps.ts";
import { EVERY_NAME } from "../values/server_name.ts";
import type { Place } from "./place.ts";
import type { Service } from "./service.ts";

/** Adds what is wrong with the upstreams `{sni}:443` of one service, and with the keys that are for them. */
export function* findServerNameConflicts(service: Service): Steps<void> {
  const { place, mirrored, chosenByClients } = service;
  const [names, privates] = [place.at("allow_names"), place.at("allow_private")];
  for (const upstream of mirrored) {
    if (!upstream.endpoints.some(({ value }) => isChosenByClient(value))) continue;
    upstream.place.add(`Cannot copy to ${upstream.place.shown}: expected the address of a host`);
  }
  if (chosenByClients.length > 0) {
    if (!names.isSet) {
      const example = 'expected the server names that clients may be sent to, such as "*.example.com"';
      names.addMissing(`${example} (${chosenByClients[0]!.place})`);
    }
    findOthersBesideAll(names);
    yield* stepThrough(service.routes, (route) => findNameless(route, place.at("tls")));
    return;
  }
  const useless = [names, privates].filter((key) => key.isSet && !key.is(false));
  // An upstream that cannot be read may be one.
  if (useless.length === 0 || !service.upstreams.every(({ place }) => isKnown(place))) return;
  for (const key of useless) {
    key.add('Cannot be used: no upstream of the service is a server name of the client, such as "{sni}:443"');
  }
}

function isKnown(upstream: Place): boolean {
  return !/\{\w*\}/.test(JSON.stringify(upstream.value) ?? "");
}

function findOthersBesideAll(names: Place): void {
  if (names.items.length < 2) return;
  for (const entry of names.items.filter((each) => each.is(EVERY_NAME))) {
    entry.add('Cannot allow every name beside others: remove them, or "*"');
  }
}

/** Clients of a route for a protocol other than TLS have no server name. */
function findNameless(route: Place, tlsOfService: Place): void {
  const upstream = route.at("upstream");
  if (typeof upstream.value !== "string" || !/^\{sni\}/i.test(upstream.value)) return;
  const own = route.at("tls");
  const tls = own.isSet ? own : tlsOfService;
  if (tls.isSet && !tls.is(false)) return;
  const protocol = route.at("protocol");
  const others = protocol.isSet && !protocol.entries.some((entry) => entry.is("tls")) ? [protocol] : [];
  const silent = route.at("silent").is(true) ? [route.at("silent")] : [];
  for (const condition of [...others, ...silent]) {
    upstream.add(`Cannot follow a server name: clients of this route begin without TLS (${condition})`);
  }
}
