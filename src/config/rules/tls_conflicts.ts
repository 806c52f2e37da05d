/** Finds TLS settings that contradict each other, or the service they belong to. */

import { type Steps, stepThrough } from "../input/steps.ts";
import type { Place } from "./place.ts";
import type { Service } from "./service.ts";
import { protocolAt, protocolsIn, speaksFirst } from "./starttls_conflicts.ts";

/** Adds what is wrong with the TLS of one service, and of its routes, towards their clients. */
export function* findTlsConflicts(service: Service): Steps<void> {
  const tls = service.place.at("tls");
  yield* stepThrough(service.tls, (each) => {
    if (each.keys !== undefined) findSettingsConflicts(each);
  });
  if (service.routesBeforeTls) yield* stepThrough(service.routes, (route) => findNoTls(route, tls));
  if (tls.keys === undefined) return;
  if (!service.routesBeforeTls) findProtocolsNeverSpoken(service, tls.at("alpn"));
  findEngineConflicts(service, tls);
}

function findSettingsConflicts(tls: Place): void {
  findCertificateConflicts(tls);
  const [auth, ca] = [tls.at("client_auth"), tls.at("client_ca")];
  if ((auth.is("require") || auth.is("request")) && !ca.isSet) {
    auth.add(`Cannot check certificates of clients without ${ca}`);
  }
  const crl = tls.at("crl");
  if (crl.isSet && !ca.isSet) crl.add(`Cannot look for revoked certificates of clients without ${ca}`);
  else if (crl.isSet && auth.is("none")) {
    crl.add(`Cannot be used: with ${auth}: none, no certificate is asked for`);
  }
}

/** Clients of a route for a protocol other than TLS cannot shake hands. */
function findNoTls(route: Place, tlsOfService: Place): void {
  const own = route.at("tls");
  const tls = own.isSet ? own : tlsOfService;
  if (!tls.isSet || tls.is(false)) return;
  const [protocol, silent] = [route.at("protocol"), route.at("silent")];
  const starttls = protocolAt(tls.at("starttls"));
  const begins = (entry: Place) => entry.is("tls") || starttls !== undefined && entry.is(starttls);
  const cannot = [
    ...protocol.isSet && !protocol.entries.some(begins) ? [protocol] : [],
    ...silent.is(true) && (starttls === undefined || speaksFirst(starttls)) ? [silent] : [],
  ];
  const remedy = own.isSet ? `leave ${own} out` : `set ${own} to false`;
  for (const each of cannot) {
    each.add(`Cannot take clients that begin without TLS, with ${tls}: ${remedy}`);
  }
}

/** There is either a list of certificates, or `cert` and `key`. */
function findCertificateConflicts(tls: Place): void {
  const list = tls.at("certificates");
  const beside = [tls.at("cert"), tls.at("key")].filter(({ isSet }) => isSet);
  if (tls.at("acme").isSet) return;
  if (list.isSet) {
    for (const place of beside) place.add(`Cannot be set together with ${list}: move it there`);
  } else if (beside.length === 0) {
    tls.add("Expected cert and key, certificates with a list of these, or acme, got none");
  } else findHalfCertificate(tls);
}

/** A certificate needs its key, and a key its certificate. */
export function findHalfCertificate(tls: Place): void {
  const [cert, key] = [tls.at("cert"), tls.at("key")];
  if (cert.isSet === key.isSet) return;
  const [missing, what] = cert.isSet
    ? [key, "the private key of cert"]
    : [cert, "the certificate that key is for"];
  missing.addMissing(`expected the path of a file with ${what}`);
}

/** The handshake picks one of the offered protocols, so a route for any other matches no client. */
function findProtocolsNeverSpoken({ place, routes }: Service, list: Place): void {
  // With starttls: postgres, that is postgresql.
  if (!list.isSet && place.at("tls", "starttls").isSet) return;
  const offered = list.isSet ? protocolsIn(list) : [];
  if (offered === undefined) return;
  for (const alpn of routes.map((route) => route.at("alpn"))) {
    const wanted = protocolsIn(alpn);
    if (!wanted?.length || wanted.some((protocol) => offered.includes(protocol))) continue;
    alpn.add(`Cannot be reached: ${list} offers none of these protocols`);
  }
}

/** `seamless` is the former name of `engine`. */
function findEngineConflicts(service: Service, tls: Place): void {
  const [engine, seamless] = [tls.at("engine"), tls.at("seamless")];
  if (engine.is("deno")) findNeedsOfNode(service, tls, engine);
  if (!seamless.isSet) return;
  if (engine.isSet) {
    seamless.add(`Cannot be set together with ${engine}, its replacement: leave seamless out`);
    return;
  }
  const isOff = seamless.is(false);
  if (isOff) findNeedsOfNode(service, tls, seamless);
  const remedy = `Write "engine: ${
    isOff ? "deno" : "node"
  }" instead, the next release does not read this key`;
  seamless.report.warn(seamless.path, remedy);
}

/**
 * Deno.listenTls has one certificate, no client certificates, no oldest version and no keepalive, listens on TCP alone
 * and on no descriptor, reads the first byte itself, and does not report the server name (SNI).
 */
function findNeedsOfNode(service: Service, tls: Place, key: Place): void {
  const { place, socket, activated, nodeSettings } = service;
  const version = tls.at("min_version");
  const keepalive = service.settingAt("keepalive");
  const needs = [
    tls.at("certificates", 1),
    tls.at("acme"),
    tls.at("client_ca"),
    ...version.find(String)?.value === "1.3" ? [version] : [],
    ...socket === undefined ? [] : [socket],
    ...activated === undefined ? [] : [activated],
    place.at("accept_proxy_protocol"),
    tls.at("starttls"),
    ...nodeSettings,
    ...keepalive.is(true) ? [keepalive] : [],
    ...service.serverNames.slice(0, 1),
    ...service.tls.slice(1).filter(({ isSet }) => isSet).slice(0, 1),
  ];
  for (const need of needs.filter(({ isSet }) => isSet)) {
    key.add(
      `Cannot be ${key.value} with ${need}, which needs node:tls: leave ${String(key.path.at(-1))} out`,
    );
  }
}
