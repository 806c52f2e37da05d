/** Finds what is impossible in the health checks of one group. */

import { isDeepStrictEqual } from "node:util";
import { formatAddress } from "../../net/address.ts";
import { CHECK_TYPES, type CheckTypeName } from "../schema/check_types.ts";
import { parseDuration } from "../values/duration.ts";
import type { Place } from "./place.ts";
import { endpointsAt } from "./service.ts";

/** Ways to say what a check does: each excludes those behind it. */
const CONVERSATIONS: readonly (readonly string[])[] = [["type"], ["http"], ["script"], ["send", "expect"]];

/** @param users The services that use the group. */
export function findHealthCheckConflicts(group: Place, users: readonly Place[]): void {
  const check = group.at("health_check");
  if (check.keys === undefined) return;
  findTwoConversations(check);
  findWrongSteps(check.at("script"));
  for (const place of [check.at("expect"), check.at("http", "body")]) findWrongExpectation(place);
  findWrongBody(check.at("http"));
  findSlowFastInterval(check);
  findUnixWithoutHost(group);
  findUnclearLeg(check, users);
}

function findTwoConversations(check: Place): void {
  const first = CONVERSATIONS.findIndex((keys) => keys.some((key) => check.at(key).isSet));
  for (const key of CONVERSATIONS.slice(first + 1).flat()) {
    if (!check.at(key).isSet) continue;
    check.at(key).add(`Cannot use "${key}" with "${CONVERSATIONS[first]}": either says what the check does`);
  }
}

function findWrongSteps(script: Place): void {
  for (const step of script.items) {
    if (step.keys === undefined) continue;
    const count = ["send", "expect"].filter((key) => step.at(key).isSet).length;
    if (count === 2) step.add("Cannot send and expect in one step: write two, each after a dash of its own");
    if (step.keys.length === 0) step.add("Expected send or expect, got nothing");
    findWrongExpectation(step.at("expect"));
  }
}

function findWrongExpectation(place: Place): void {
  const { keys } = place;
  if (keys === undefined) return;
  const used = ["begins", "contains", "regex"].filter((key) => place.at(key).isSet);
  if (keys.length === 0) place.add("Expected begins, contains or regex, got nothing");
  for (const key of used.slice(1)) {
    place.at(key).add(`Cannot use "${key}" with "${used[0]}": each step of a script has one of them`);
  }
}

function findWrongBody(http: Place): void {
  if (!http.at("method").is("HEAD") || !http.at("body").isSet) return;
  http.at("body").add("Cannot judge the body of an answer to HEAD, which has none");
}

function findSlowFastInterval(check: Place): void {
  const fast = check.at("fast_interval").find(parseDuration);
  const interval = check.at("interval").find(parseDuration)?.value ??
    (check.at("interval").isSet ? Infinity : 5000);
  if (fast === undefined || fast.value <= interval) return;
  fast.place.add(`Cannot use ${fast.place.shown}: it is longer than ${check.report.spell("interval")}`);
}

/** A check elsewhere needs a host and a port, which unix sockets have not. */
function findUnixWithoutHost(group: Place): void {
  const check = group.at("health_check");
  const [address, port] = [check.at("address"), check.at("port")];
  const hasPort = port.isSet || portOfType(check) !== undefined;
  if (address.isSet === hasPort) return;
  const unix = endpointsAt(group.at("endpoints")).find(({ value }) => value.transport === "unix");
  if (unix === undefined) return;
  const missing = address.isSet ? port : address;
  missing.addMissing(`the endpoint ${formatAddress(unix.value)} has none`);
}

function portOfType(check: Place): number | undefined {
  const type = check.at("type").value as CheckTypeName;
  if (!Object.hasOwn(CHECK_TYPES, String(type))) return undefined;
  return CHECK_TYPES[type].check.port;
}

/** Checks use the settings of the group's services; if these differ, the group must set them itself. */
function findUnclearLeg(check: Place, users: readonly Place[]): void {
  const isElsewhere = check.at("address").isSet || check.at("port").isSet || portOfType(check) !== undefined;
  const askFor = (key: string, choices: string, of: string, setting: (user: Place) => unknown) => {
    const [first, ...others] = users.map((user) => ({ user, value: setting(user) }));
    const other = others.find(({ value }) => !isDeepStrictEqual(value, first!.value));
    if (other === undefined || isElsewhere || check.at(key).isSet) return;
    const differ = `${first!.user} and ${other.user} differ in ${check.report.spell(of)}`;
    check.at(key).addMissing(`expected ${choices}, as ${differ}`);
  };
  askFor("tls", "true or false", "upstream_tls", upstreamTlsOf);
  askFor(
    "proxy_protocol",
    "none, v1 or v2",
    "send_proxy_protocol",
    (user) => user.at("send_proxy_protocol").value,
  );
  const tls = check.at("tls");
  if (!tls.is(true) || users.some((user) => upstreamTlsOf(user) !== undefined)) return;
  const key = check.report.spell("upstream_tls");
  tls.add(`Cannot check inside TLS: no service that uses the group has "${key}"`);
}

/** The upstream TLS settings of a service, with defaults filled in. */
function upstreamTlsOf(service: Place): unknown {
  const tls = service.at("upstream_tls");
  if (tls.keys === undefined) return undefined;
  const { verify = true, alpn = [], ...others } = tls.value as Record<string, unknown>;
  return { ...others, verify: String(verify), alpn };
}
