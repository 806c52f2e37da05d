/** Finds settings that are valid alone and contradict each other. */

import {
  type Address,
  formatAddress,
  hostKey,
  isAbstract,
  type ListenAddress,
  overlaps,
  parseListenAddress,
} from "../../net/address.ts";
import { CidrSet } from "../../wire/ip/cidr.ts";
import type { Report } from "../input/report.ts";
import type { Steps } from "../input/steps.ts";
import { isIpAddress } from "../values/address_text.ts";
import { parseListenRange } from "../values/port_range.ts";
import { findAcmeConflicts, findAcmeConflictsBetween } from "./acme_conflicts.ts";
import { findAdmissionConflicts } from "./admission_conflicts.ts";
import { findClientConflicts } from "./client_conflicts.ts";
import { findGroupConflicts } from "./group_conflicts.ts";
import { type Found, Place } from "./place.ts";
import { findPortRangeConflicts } from "./port_range_conflicts.ts";
import { findProxyProtocolConflicts } from "./proxy_protocol_conflicts.ts";
import { findRouteConflicts } from "./route_conflicts.ts";
import { findServerNameConflicts } from "./server_name_conflicts.ts";
import { Service } from "./service.ts";
import { findStartTlsConflicts } from "./starttls_conflicts.ts";
import { findTlsConflicts } from "./tls_conflicts.ts";
import { findUpstreamConflicts } from "./upstream_conflicts.ts";

/** Addresses that only this machine reaches (RFC 6890 section 2.2.2). */
const LOOPBACK = new CidrSet(["127.0.0.0/8", "::1"]);

/**
 * Adds conflicts in a document to a report. It reads the raw document, and only its valid parts, so that it
 * finds these problems even when others prevent the document from being decoded. Each step handles one
 * route, group or setting.
 */
export function* findConflicts(report: Report): Steps<void> {
  const document = new Place(report);
  const names = new Map<string, Place>();
  const listeners: Listeners = new Map();
  const services: Service[] = [];
  for (const place of document.at("services").items.filter(({ keys }) => keys !== undefined)) {
    const service = yield* Service.at(place);
    findSameName(place.at("name"), names);
    for (const listener of service.listeners) findSameListener(listener, listeners);
    findUselessMode(service);
    findAdmissionConflicts(service);
    findProxyProtocolConflicts(service);
    yield* findUpstreamConflicts(service);
    findPortRangeConflicts(service);
    yield* findServerNameConflicts(service);
    yield* findRouteConflicts(service);
    yield* findTlsConflicts(service);
    yield* findAcmeConflicts(service);
    yield* findClientConflicts(service);
    yield* findStartTlsConflicts(service);
    const faultNames = new Map<string, Place>();
    for (const fault of service.faults) findSameName(fault.at("name"), faultNames);
    services.push(service);
    yield;
  }
  yield* findAcmeConflictsBetween(services);
  yield* findGroupConflicts(document.at("upstreams"), services);
  const admin = document.at("admin");
  for (const key of ["listen", "toxiproxy"]) {
    const listener = admin.at(key).find(parseListenRange);
    if (listener !== undefined) findSameListener(listener, listeners);
  }
  findOpenAdmin(admin);
  findEarlyLine(document.at("log", "access"));
}

function findSameName(place: Place, names: Map<string, Place>): void {
  if (typeof place.value !== "string") return;
  const first = names.getOrInsert(place.value, place);
  if (first !== place) place.add(`Cannot use the name ${place.shown} twice: ${first} is the same`);
}

/** One address of an entry of `listen`. */
interface Listening {
  readonly address: ListenAddress;
  readonly listener: Found<ListenAddress[]>;
}

/** Those so far, by port or path. */
type Listeners = Map<string | number, Listening[]>;

function findSameListener(listener: Found<ListenAddress[]>, listeners: Listeners): void {
  let first: Listening & { readonly own: ListenAddress } | undefined;
  for (const own of listener.value) {
    const others = listeners.getOrInsertComputed(keyOf(own), () => []);
    const other = others.find((each) => each.listener !== listener && overlaps(each.address, own));
    if (other !== undefined) first ??= { own, ...other };
    others.push({ address: own, listener });
  }
  if (first === undefined) return;
  const areSingle = first.listener.value.length === 1 && listener.value.length === 1;
  const how = areSingle && isOne(first.address, first.own) ? "is the same" : "overlaps it";
  listener.place.add(`Cannot listen on ${listener.place.shown} twice: ${first.listener.place} ${how}`);
}

/** Addresses that can overlap have the same. */
function keyOf(address: ListenAddress): string | number {
  if (address.transport === "tcp") return address.port;
  return address.transport === "unix" ? address.path : formatAddress(address);
}

/** Whether overlapping addresses are equal, rather than a wildcard and a specific address. */
function isOne(one: ListenAddress, other: ListenAddress): boolean {
  return one.transport !== "tcp" || other.transport !== "tcp" ||
    hostKey(one.hostname) === hostKey(other.hostname);
}

function findUselessMode({ place, listeners, knowsListeners }: Service): void {
  const mode = place.at("unix_mode");
  if (!mode.isSet || !knowsListeners || listeners.length === 0) return;
  if (listeners.some(({ value: [first] }) => first?.transport === "unix" && !isAbstract(first))) return;
  mode.add(`Cannot set the mode of a socket file: no address in ${place.at("listen")} is one`);
}

/** Any machine could use an admin interface that has no token. */
function findOpenAdmin(admin: Place): void {
  const [listen, token] = [admin.at("listen"), admin.at("token")];
  const address = listen.find(parseListenAddress)?.value;
  if (address === undefined || isLocal(address) || token.isSet) return;
  token.addMissing(
    `other machines can reach ${listen.shownWithPath}, set a token or listen on 127.0.0.1`,
  );
}

/** A connection has left an earlier line before it turns out to be one that `skip` leaves out. */
function findEarlyLine(access: Place): void {
  const [at, skip] = [access.at("at"), access.at("skip")];
  const early = at.items.find((moment) => !moment.is("closed"));
  if (early === undefined || !skip.isSet) return;
  early.add(`Cannot write a line before it is known whether ${skip} leaves the connection out: remove one`);
}

/** Whether only programs on this machine can connect. The mode of a unix socket says which ones. */
export function isLocal(address: Address): boolean {
  if (address.transport === "unix") return true;
  const { hostname } = address;
  return isIpAddress(hostname) ? LOOPBACK.has(hostname) : hostname.toLowerCase() === "localhost";
}
