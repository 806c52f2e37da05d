/** Finds `starttls` settings that contradict each other, or what else is known of a service. */

import { STARTTLS_PROTOCOLS, startTlsOf, type StartTlsProtocol } from "../../wire/starttls/registry.ts";
import { type Steps, stepThrough } from "../input/steps.ts";
import { BYTE_CONDITIONS } from "../schema/route_schema.ts";
import type { Place } from "./place.ts";
import type { Service } from "./service.ts";

/** Adds what is wrong with TLS that begins inside a protocol, on either side of a service. */
export function* findStartTlsConflicts(service: Service): Steps<void> {
  const { place } = service;
  const toUpstreams = place.at("upstream_tls");
  findMissingProtocol(toUpstreams);
  yield* stepThrough(service.tls, (tls) => {
    if (tls.keys === undefined) return;
    findMissingProtocol(tls);
    findOtherProtocol(tls.at("starttls"), toUpstreams.at("starttls"));
    findUselessPermission(tls);
  });
  yield;
  findSharedSessions(service);
  yield;
  if (protocolAt(place.at("peek", "starttls")) !== undefined) yield* findPeekConflicts(service);
  else yield* findUnknownNames(service);
}

/** The value of a `starttls`, if it is valid. */
export function protocolAt({ value }: Place): StartTlsProtocol | undefined {
  return STARTTLS_PROTOCOLS.find((each) => each === value);
}

/** Whether clients of a protocol speak first. */
export function speaksFirst(protocol: StartTlsProtocol): boolean {
  return startTlsOf(protocol).decline !== undefined;
}

/** One protocol or a list of them; undefined if there is none, or if some of it is no text. */
export function protocolsIn(list: Place): string[] | undefined {
  const values = list.entries.map(({ value }) => value);
  return values.every((value) => typeof value === "string") ? values : undefined;
}

/** A client of PostgreSQL that begins with TLS insists on its protocol, and so does such a server. */
function findMissingProtocol(tls: Place): void {
  const [own, alpn] = [tls.at("starttls"), tls.at("alpn")];
  const protocol = protocolAt(own);
  const needed = protocol && startTlsOf(protocol).alpn;
  const offered = protocolsIn(alpn);
  if (needed === undefined || !alpn.isSet || !offered?.length || offered.includes(needed)) return;
  alpn.add(`Cannot leave "${needed}" out: ${own} is ${protocol}`);
}

function findOtherProtocol(own: Place, other: Place): void {
  const [protocol, spoken] = [protocolAt(own), protocolAt(other)];
  if (protocol === undefined || spoken === undefined || spoken === protocol) return;
  other.add(`Cannot be ${other.shown}: clients speak ${own.shownWithPath}`);
}

function findUselessPermission(tls: Place): void {
  const [own, required, ca, auth] = ["starttls", "required", "client_ca", "client_auth"].map((key) =>
    tls.at(key)
  ) as [Place, Place, Place, Place];
  if (!required.is(false)) return;
  const protocol = protocolAt(own);
  if (protocol === undefined || startTlsOf(protocol).isOptional !== true) {
    required.add(`Cannot let clients in without TLS: only ${own} with postgres can`);
  } else if (ca.isSet && !auth.is("request") && !auth.is("none")) {
    required.add(`Cannot let clients in without TLS: ${ca} asks them for certificates`);
  }
}

/** Clients begin in the protocol, and begin TLS before anything else is known of them. */
function* findPeekConflicts({ place, routes, upstreams, tls: sections }: Service): Steps<void> {
  const own = place.at("peek", "starttls");
  yield* stepThrough(routes, (route) => {
    for (const condition of BYTE_CONDITIONS.map((key) => route.at(key))) {
      if (condition.isSet) condition.add(`Cannot distinguish clients: with ${own}, all speak ${own.value}`);
    }
  });
  yield* stepThrough(sections.filter(({ keys }) => keys !== undefined), (tls) => {
    const inside = tls.at("starttls");
    if (!inside.isSet) inside.addMissing(`expected ${own.value}, as ${own} says so`);
    else if (inside.value !== own.value) inside.add(`Cannot be ${inside.shown}: ${own} is ${own.value}`);
  });
  // The service's own upstream comes first, then those of the routes.
  const passing = upstreams.filter((upstream, index) => {
    const tls = index === 0 || !sections[index]!.isSet ? sections[0]! : sections[index]!;
    return upstream.place.isSet && (!tls.isSet || tls.is(false));
  });
  if (passing.length === 0) return;
  const toUpstreams = place.at("upstream_tls");
  if (toUpstreams.isSet) {
    toUpstreams.add(`Cannot begin TLS with ${passing[0]!.place}: with ${own}, that of clients passes to it`);
  }
}

/** Their clients log in, and expect a greeting or begin with a message of their own. */
function findSharedSessions({ place, upstreams, tls }: Service): void {
  const reusing = upstreams.find(({ group }) => group.at("pool", "mode").is("reuse"));
  if (reusing === undefined) return;
  const used = reusing.group.at("pool", "mode");
  const sections = [
    place.at("peek"),
    place.at("upstream_tls"),
    ...tls,
  ];
  for (const own of sections.map((section) => section.at("starttls"))) {
    const protocol = protocolAt(own);
    if (protocol === undefined) continue;
    own.add(
      `Cannot reuse connections of ${protocol} (${used}): the next client would go on in the session of the one before`,
    );
  }
}

/** A server name is known once a client has begun TLS: it must be possible here, and before routes are chosen. */
function* findUnknownNames(service: Service): Steps<void> {
  const { place, routes, routesBeforeTls } = service;
  const own = place.at("tls");
  const remedy = `set ${place.at("peek", "starttls")}`;
  if (routesBeforeTls) {
    yield* stepThrough(routes, (route, index) => {
      const ofRoute = service.tls[index + 1]!;
      const tls = ofRoute.isSet ? ofRoute : own;
      const protocol = protocolAt(tls.at("starttls"));
      for (const condition of [route.at("sni"), route.at("alpn")]) {
        if (protocol === undefined || !condition.isSet) continue;
        const how = speaksFirst(protocol) ? remedy : "choose routes by something else";
        condition.add(`Cannot be known before clients ask for TLS (${tls.at("starttls")}): ${how}`);
      }
    });
    return;
  }
  const other = place.at("upstream_tls", "starttls");
  const protocol = protocolAt(other);
  if (own.isSet || protocol === undefined || !speaksFirst(protocol)) return;
  for (const condition of [...service.serverNames, ...routes.map((route) => route.at("alpn"))]) {
    if (condition.isSet) condition.add(`Cannot be known: with ${other}, clients get TLS only from ${own}`);
  }
}
