/** Finds what is impossible inside one upstream group. */

import { isDeepStrictEqual } from "node:util";
import { type Address, addressKey } from "../../net/address.ts";
import { GROUP_NAME_PATTERN, isIpAddress } from "../values/address_text.ts";
import { keysAt, type Path } from "./found.ts";
import type { Report } from "../input/report.ts";
import type { Steps } from "../input/steps.ts";
import { endpointsAt, nameAt, upstreamPaths, whyNoAddress } from "./upstream_conflicts.ts";

/** Settings of a pool that apply only to `mode: reuse`. */
const REUSE_KEYS = ["quiet", "max_uses"];

/**
 * Reports conflicts in each group of a document: named groups and those in services and routes, one per step.
 */
export function* findGroupConflicts(services: readonly Path[], report: Report): Steps<void> {
  const names = keysAt(["upstreams"], report) ?? [];
  for (const name of names) findBadName(name, report);
  const inPlace = services.flatMap((service) =>
    upstreamPaths(service, report).map((path) => ({ path, service, name: nameAt(path, report) }))
  );
  const users = Map.groupBy(inPlace, ({ name }) => name);
  const named = names.map((name) => ({
    path: ["upstreams", name],
    users: [...new Set(users.get(name)?.map(({ service }) => service))],
  }));
  for (
    const { path, users } of [...named, ...inPlace.map(({ path, service }) => ({ path, users: [service] }))]
  ) {
    if (Array.isArray(report.valueAt(path))) findEndpointConflicts(path, report);
    if (keysAt(path, report) === undefined) continue;
    findEndpointConflicts([...path, "endpoints"], report);
    findWrongAddresses(path, report);
    findUselessKeys(path, report);
    findUnclearCheck(path, users, report);
    yield;
  }
}

function findBadName(name: string, report: Report): void {
  if (new RegExp(GROUP_NAME_PATTERN).test(name)) return;
  report.addKey(
    ["upstreams", name],
    `Cannot use the name "${name}" for a group: expected a letter, then letters, digits, "_", "." or "-", ` +
      "at most 64 in all",
  );
}

function findEndpointConflicts(path: Path, report: Report): void {
  const first = new Map<string, Path>();
  for (const { path: address, value } of endpointsAt(path, report)) {
    const same = first.get(addressKey(value));
    if (same === undefined) first.set(addressKey(value), address);
    else {
      const other = report.spellPath(same);
      report.add(address, `Cannot use the endpoint ${report.show(address)} twice: ${other} is the same`);
    }
  }
  const entries = report.valueAt(path);
  if (!Array.isArray(entries) || entries.length === 0) return;
  const isBackup = (index: number) =>
    [true, "true"].includes(report.valueAt([...path, index, "backup"]) as never);
  if (!entries.every((_, index) => isBackup(index))) return;
  report.add(path, "Expected at least one endpoint without backup: true");
}

/** Whether an endpoint is a name, and has a port, is up to `discovery`. */
function findWrongAddresses(group: Path, report: Report): void {
  const discovery = report.valueAt([...group, "discovery"]);
  const kind = report.valueAt([...group, "discovery", "dns"]);
  for (const { path, value } of endpointsAt([...group, "endpoints"], report)) {
    const shown = report.show(path);
    if (kind === "srv" && !isServiceName(value)) {
      report.add(
        path,
        `Cannot look up ${shown}: SRV records bring the port, expected a name such as "_pg._tcp.db.internal"`,
      );
    } else if (kind === "a" && !isHostAndPort(value)) {
      report.add(path, `Cannot look up ${shown}: expected a name with a port such as "db.internal:5432"`);
    } else if (discovery === undefined && isServiceName(value)) {
      const expected = `Expected an address such as "db.internal:5432", got ${shown}`;
      report.add(path, report.isSecret(path) ? expected : whyNoAddress(String(report.valueAt(path))));
    }
  }
}

function isServiceName(address: Address): boolean {
  return address.transport === "tcp" && address.port === 0;
}

function isHostAndPort(address: Address): boolean {
  return address.transport === "tcp" && address.port !== 0 && !isIpAddress(address.hostname);
}

/** Checks use the settings of the group's services; if these differ, the group must set them itself. */
function findUnclearCheck(group: Path, users: readonly Path[], report: Report): void {
  const check = [...group, "health_check"];
  if (keysAt(check, report) === undefined) return;
  const chosen = (key: string) => report.valueAt([...check, key]);
  const askFor = (key: string, choices: string, of: string, isSame: (one: Path, other: Path) => boolean) => {
    const other = chosen(key) === undefined ? users.find((user) => !isSame(users[0]!, user)) : undefined;
    if (other === undefined) return;
    const [one, two] = [users[0]!, other].map((user) => report.spellPath(user));
    report.addMissing(
      [...check, key],
      `expected ${choices}, as ${one} and ${two} differ in ${report.spell(of)}`,
    );
  };
  askFor(
    "tls",
    "true or false",
    "upstream_tls",
    (one, other) => isDeepStrictEqual(upstreamTlsAt(one, report), upstreamTlsAt(other, report)),
  );
  const headerAt = (user: Path) => report.valueAt([...user, "send_proxy_protocol"]);
  askFor(
    "proxy_protocol",
    "none, v1 or v2",
    "send_proxy_protocol",
    (one, other) => headerAt(one) === headerAt(other),
  );
  if (![true, "true"].includes(chosen("tls") as never)) return;
  if (users.some((user) => upstreamTlsAt(user, report) !== undefined)) return;
  report.add(
    [...check, "tls"],
    `Cannot check inside TLS: no service that uses the group has "${report.spell("upstream_tls")}"`,
  );
}

/** The upstream TLS settings of a service, with defaults filled in. */
function upstreamTlsAt(service: Path, report: Report): unknown {
  const path = [...service, "upstream_tls"];
  if (keysAt(path, report) === undefined) return undefined;
  const { verify = true, alpn = [], ...others } = report.valueAt(path) as Record<string, unknown>;
  return { ...others, verify: String(verify), alpn };
}

function findUselessKeys(group: Path, report: Report): void {
  const has = (key: string) => report.valueAt([...group, key]) !== undefined;
  const mode = report.valueAt([...group, "pool", "mode"]) ?? "warm";
  for (const key of mode === "warm" ? REUSE_KEYS : []) {
    const path = [...group, "pool", key];
    if (report.valueAt(path) === undefined) continue;
    report.add(path, `Cannot use "${report.spell(key)}" with mode warm: only reuse takes connections back`);
  }
  if (report.valueAt([...group, "on_down"]) === "close" && !has("health_check") && !has("passive")) {
    report.add(
      [...group, "on_down"],
      `Cannot close anything: without ${report.spell("health_check")} and passive no endpoint goes down`,
    );
  }
}
