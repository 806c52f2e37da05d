/** Finds sources of endpoints that are missing, are two, or that keys do not fit. */

import { KEYS_OF_SOURCES, SOURCE_NAMES, type SourceName } from "../schema/discovery_schema.ts";
import { parseDuration } from "../values/duration.ts";
import type { Place } from "./place.ts";

export function findDiscoveryConflicts(group: Place): void {
  const [discovery, endpoints] = [group.at("discovery"), group.at("endpoints")];
  const [source, ...others] = SOURCE_NAMES.filter((name) => discovery.at(name).isSet);
  if (discovery.keys !== undefined && source === undefined) {
    discovery.add(`Expected a source of endpoints: ${SOURCE_NAMES.join(", ")}`);
  }
  for (const other of others) {
    discovery.at(other).add(`Cannot use "${other}" with "${source}": a group has one source of endpoints`);
  }
  if (source !== undefined) findKeysOfOthers(discovery, source);
  findConsulConflicts(discovery.at("consul"));
  findUnsafeServer(discovery.at("kubernetes"));
  if (!discovery.isSet || source === "dns") {
    const what = discovery.isSet ? "a list of names to look up" : "a list of endpoints";
    if (!endpoints.isSet) endpoints.addMissing(`expected ${what}`);
  } else if (source !== undefined && endpoints.isSet) {
    endpoints.add(`Cannot use "endpoints" with ${discovery.at(source)}, where they come from: leave it out`);
  }
}

function findKeysOfOthers(discovery: Place, source: SourceName): void {
  for (const [key, readers] of Object.entries(KEYS_OF_SOURCES)) {
    if (!discovery.at(key).isSet || readers.includes(source)) continue;
    const remedy = key === "max_connections"
      ? ": set it at the endpoints"
      : `: it is for ${readers.join(", ")}`;
    discovery.at(key).add(`Cannot use "${discovery.report.spell(key)}" with ${source}${remedy}`);
  }
}

/** Consul waits no longer, in milliseconds. */
const LONGEST_WAIT = 600_000;

function findConsulConflicts(consul: Place): void {
  const wait = consul.at("wait").find(parseDuration);
  if (wait !== undefined && wait.value > LONGEST_WAIT) {
    wait.place.add(`Cannot use ${wait.place.shown}: Consul waits at most 10m`);
  }
  const { report } = consul;
  const [token, file, ca, address] = ["token", "token_file", "ca", "address"].map((key) => consul.at(key));
  if (token!.isSet && file!.isSet) {
    file!.add(`Cannot use "${report.spell("token_file")}" with "token": either has the token`);
  }
  const isPlain = !/^https:/i.test(String(address!.value));
  if (ca!.isSet && isPlain) ca!.add(`Cannot check certificates against it: ${address} is not https`);
}

/** A token must not be sent in clear, and without TLS there is no certificate to check. */
function findUnsafeServer(kubernetes: Place): void {
  const server = kubernetes.at("server");
  if (typeof server.value !== "string" || !server.value.startsWith("http:")) return;
  for (const key of ["token_file", "ca"]) {
    const place = kubernetes.at(key);
    if (place.isSet) place.add(`Cannot use "${key}" with ${server}, which is not https`);
  }
}
