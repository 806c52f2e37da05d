/** A service as rules see it: the parts of it that can be read. */

import { type Address, isChosenByClient, type ListenAddress } from "../../net/address.ts";
import { isGroupName, parseEndpointAddress, parseLoneUpstream } from "../values/address_text.ts";
import { parseListenRange } from "../values/port_range.ts";
import { mapInSteps, type Steps } from "../input/steps.ts";
import type { Found, Place } from "./place.ts";

/** Where connections of a service or route go. */
export interface Upstream {
  readonly place: Place;
  /** Of a named group. */
  readonly name: string | undefined;
  /** Where the group is written, if it is not an address. */
  readonly group: Place;
  readonly endpoints: readonly Found<Address>[];
}

export class Service {
  readonly place: Place;
  /** A range of ports is an address for each. */
  readonly listeners: readonly Found<ListenAddress[]>[];
  /** Whether all of `listen` could be read. */
  readonly knowsListeners: boolean;
  /** The first unix socket it listens on. */
  readonly socket: Place | undefined;
  /** The first socket that it takes from a service manager. */
  readonly activated: Place | undefined;
  readonly routes: readonly Place[];
  /** Its `tls`, and those of its routes. */
  readonly tls: readonly Place[];
  readonly faults: readonly Place[];
  /** Its own, and those of its routes. */
  readonly upstreams: readonly Upstream[];
  readonly mirror: Place;
  /** The upstream of its mirror, if it has one. */
  readonly mirrored: readonly Upstream[];

  private constructor(place: Place, upstreams: readonly Upstream[], tls: readonly Place[]) {
    this.place = place;
    this.upstreams = upstreams;
    this.tls = tls;
    const { entries } = place.at("listen");
    this.listeners = entries.map((entry) => entry.find(parseListenRange)).filter((each) =>
      each !== undefined
    );
    this.knowsListeners = this.listeners.length === entries.length;
    this.socket = this.listeners.find(isSocket)?.place;
    this.activated = this.listeners.find(({ value: [first] }) => first?.transport === "systemd")?.place;
    this.routes = place.at("routes").items;
    this.faults = place.at("faults").items;
    this.mirror = place.at("mirror");
    this.mirrored = this.mirror.isSet ? [upstreamOf(this.mirror.at("upstream"))] : [];
  }

  /** Reads a service, a route per step. */
  static *at(place: Place): Steps<Service> {
    const users = [place, ...place.at("routes").items];
    const upstreams = yield* mapInSteps(users, (user) => upstreamOf(user.at("upstream")));
    return new Service(place, upstreams, yield* mapInSteps(users, (user) => user.at("tls")));
  }

  /** Where a setting is written: in the service or in the defaults. */
  settingAt(key: string): Place {
    const own = this.place.at(key);
    return own.isSet ? own : own.fromTop("defaults", key);
  }

  /** Whether routes are chosen before TLS with clients begins: some have TLS of their own, or none. */
  get routesBeforeTls(): boolean {
    return this.tls.some(({ isSet }, index) => index > 0 && isSet);
  }

  /** What needs a ClientHello with a server name. */
  get serverNames(): Place[] {
    const conditions = [...this.routes, ...this.faults].map((each) => each.at("sni"));
    return [...conditions.filter(({ isSet }) => isSet), ...this.chosenByClients.map(({ place }) => place)];
  }

  /** The upstreams whose host is the server name of the client. */
  get chosenByClients(): Upstream[] {
    return this.upstreams.filter(({ endpoints: [only] }) =>
      only !== undefined && isChosenByClient(only.value)
    );
  }

  /** Settings, of the service or its defaults, that need node:net for client connections. */
  get nodeSettings(): Place[] {
    const [reset, keepalive] = [this.settingAt("reset"), this.settingAt("keepalive")];
    const hasKeepaliveTime = keepalive.isSet && !keepalive.is(true) && !keepalive.is(false);
    return [
      ...reset.is("pass") ? [reset] : [],
      ...hasKeepaliveTime ? [keepalive] : [],
      ...this.faults.slice(0, 1),
    ];
  }
}

export function isSocket({ value: [first] }: Found<ListenAddress[]>): boolean {
  return first?.transport === "unix";
}

/** The endpoints that can be read, given where the list of them is. */
export function endpointsAt(list: Place): Found<Address>[] {
  return list.items.map((entry) => entry.keys === undefined ? entry : entry.at("address"))
    .map((address) => address.find(parseEndpointAddress))
    .filter((found) => found !== undefined);
}

function upstreamOf(place: Place): Upstream {
  if (isGroupName(place.value)) {
    const group = place.fromTop("upstreams", place.value);
    return { place, name: place.value, group, endpoints: endpointsAt(group.at("endpoints")) };
  }
  const lone = place.find(parseLoneUpstream);
  const list = Array.isArray(place.value) ? place : place.at("endpoints");
  return { place, name: undefined, group: place, endpoints: lone === undefined ? endpointsAt(list) : [lone] };
}
