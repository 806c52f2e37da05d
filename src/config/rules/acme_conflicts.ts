/** Finds settings of ACME that contradict each other, or the service they belong to. */

import { type Address, overlaps, parseListenAddress } from "../../net/address.ts";
import { ServerNameSet } from "../../wire/client_hello/server_names.ts";
import { type Steps, stepThrough } from "../input/steps.ts";
import { acmeCertificateFile } from "../values/acme_files.ts";
import { LETS_ENCRYPT } from "../schema/acme_schema.ts";
import { parseHostName, parseServerName } from "../values/server_name.ts";
import type { Found, Place } from "./place.ts";
import type { Service } from "./service.ts";

/** The most names that servers put into a certificate. */
const MAX_NAMES = 100;

/** Adds what is wrong with the certificates that one service, and its routes, order. */
export function* findAcmeConflicts(service: Service): Steps<void> {
  yield* stepThrough(service.tls.slice(1), (tls, index) => {
    const acme = tls.at("acme");
    if (acme.keys !== undefined) findRouteConflicts(service.routes[index]!, acme);
  });
  yield* stepThrough(tlsOf(service), (tls) => {
    if (tls.at("acme").keys !== undefined) findOwnConflicts(service, tls);
  });
  const own = service.place.at("tls", "acme");
  if (own.keys !== undefined) findNamesNeverSeen(service, own);
}

/** Adds where services disagree: about the certificate of the same file, and addresses for checks. */
export function* findAcmeConflictsBetween(services: readonly Service[]): Steps<void> {
  const files = new Map<string, Place>();
  const answering: Found<Address>[] = [];
  for (const service of services) {
    yield* stepThrough(tlsOf(service), (tls) => {
      const acme = tls.at("acme");
      if (acme.keys === undefined) return;
      findTwoMeanings(acme, files);
      const http = acme.at("http").find(parseListenAddress);
      if (http !== undefined) findTakenAddress(http, services, answering);
    });
  }
}

function tlsOf({ tls }: Service): Place[] {
  return tls.filter(({ keys }) => keys !== undefined);
}

function findOwnConflicts(service: Service, tls: Place): void {
  const acme = tls.at("acme");
  const terms = acme.at("agree_to_terms");
  if (terms.is(false)) {
    terms.add(
      "Cannot order certificates without it: read the terms of service of the directory, then set it to true",
    );
  }
  for (const key of ["certificates", "cert", "key"]) {
    const beside = tls.at(key);
    if (beside.isSet) {
      beside.add(`Cannot be set together with ${acme}, which writes its own files: remove one`);
    }
  }
  const names = namesAt(acme.at("names")) ?? [];
  if (names.length > MAX_NAMES) {
    acme.at("names").add(`Cannot order a certificate for ${names.length} names: servers accept ${MAX_NAMES}`);
  }
  const http = acme.at("http");
  if (http.isSet) return;
  const [starttls, listen] = [tls.at("starttls"), service.place.at("listen")];
  if (starttls.isSet) {
    acme.add(`Cannot be checked over TLS with ${starttls}: set ${http}`);
  } else if (
    service.knowsListeners && service.listeners.length > 0 &&
    service.listeners.every(({ value: [first] }) => first?.transport === "unix")
  ) {
    acme.add(`Cannot be checked over TLS on unix sockets alone (${listen}): set ${http}`);
  }
}

/** Clients get the certificate of a route only if its conditions lead them there. */
function findRouteConflicts(route: Place, acme: Place): void {
  const sni = route.at("sni");
  if (!sni.isSet) {
    sni.addMissing(`${acme} is for names, which the route must ask for; or move it to tls of the service`);
    return;
  }
  for (const { place, name } of namedAt(acme.at("names"))) {
    if (covers(sni, name) === false) place.add(`Cannot be used: ${sni} leads no client with this name here`);
  }
}

/** Names of the service's certificate for which its clients get another one, or none. */
function findNamesNeverSeen({ place, routes }: Service, acme: Place): void {
  for (const { place: entry, name } of namedAt(acme.at("names"))) {
    const taken = routes.find((route) =>
      route.at("tls").isSet && isByNameAlone(route) && covers(route.at("sni"), name) === true
    );
    if (taken !== undefined) {
      entry.add(`Cannot be used: clients with this name take ${taken}, which has a tls of its own`);
      continue;
    }
    const isLost = routes.length > 0 && !place.at("upstream").isSet &&
      routes.every((route) => route.at("sni").isSet && covers(route.at("sni"), name) === false);
    if (isLost) {
      entry.add(
        `Cannot be used: no route takes clients with this name, and there is no upstream for the rest`,
      );
    }
  }
}

/** Two services may use the same certificate, but must mean the same. */
function findTwoMeanings(acme: Place, files: Map<string, Place>): void {
  const [storage, directory] = [acme.at("storage").value, acme.at("directory").value ?? LETS_ENCRYPT];
  const names = namesAt(acme.at("names"));
  if (typeof storage !== "string" || typeof directory !== "string" || names === undefined) return;
  const first = files.getOrInsert(acmeCertificateFile({ storage, directory, names }), acme);
  if (first === acme || meaningOf(first) === meaningOf(acme)) return;
  acme.add(
    `Cannot order two certificates that begin with the name ${names[0]}: ${first} has other settings ` +
      "(use the same settings, another first name or another storage)",
  );
}

function meaningOf(acme: Place): string {
  const settings = Object.entries(acme.value as Record<string, unknown>).sort(([one], [other]) =>
    one < other ? -1 : 1
  );
  return JSON.stringify([settings, namesAt(acme.at("names"))]);
}

/** Several services may answer checks at the same address, which must be free otherwise. */
function findTakenAddress(
  http: Found<Address>,
  services: readonly Service[],
  answering: Found<Address>[],
): void {
  const listener = services.flatMap(({ listeners }) => listeners).find(({ value }) =>
    value.some((address) => overlaps(address, http.value))
  );
  const admin = http.place.fromTop("admin");
  const others = [admin.at("listen"), admin.at("toxiproxy")].map((each) => each.find(parseListenAddress))
    .filter((each) => each !== undefined);
  const taken = listener?.place ??
    others.find(({ value }) => overlaps(value, http.value))?.place ??
    answering.find(({ value, place }) => place.shown !== http.place.shown && overlaps(value, http.value))
      ?.place;
  answering.push(http);
  if (taken !== undefined) http.place.add(`Cannot listen on ${http.place.shown} twice: ${taken} overlaps it`);
}

/** Whether no condition but the name decides about a route. */
function isByNameAlone(route: Place): boolean {
  return (route.keys ?? []).every((key) => ["sni", "tls", "upstream"].includes(key));
}

/** Undefined where entries are in files, or cannot be read. */
function covers(sni: Place, name: string): boolean | undefined {
  const patterns = sni.findAll(parseServerName)?.map(({ value }) => value);
  return patterns && new ServerNameSet(patterns).has(name);
}

function namedAt(names: Place): { place: Place; name: string }[] {
  return names.entries.flatMap((place) => {
    const found = place.find(parseHostName);
    return found === undefined ? [] : [{ place, name: found.value }];
  });
}

function namesAt(names: Place): string[] | undefined {
  const found = names.isSet ? names.findAll(parseHostName)?.map(({ value }) => value) : undefined;
  return found === undefined || found.length === 0 ? undefined : [...new Set(found)];
}
