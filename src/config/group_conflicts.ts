/** Finds what is impossible inside one upstream group. */

import { type Address, addressKey } from "../net/address.ts";
import { GROUP_NAME_PATTERN, isIpAddress } from "./address_text.ts";
import { keysAt, type Path } from "./found.ts";
import type { Report } from "./report.ts";
import type { Steps } from "./steps.ts";
import { endpointsAt, upstreamPaths, whyNoAddress } from "./upstream_conflicts.ts";

/** Settings of a pool that say something about connections that are taken back. */
const REUSE_KEYS = ["quiet", "max_uses"];

/** Adds what is wrong with each group of a document: the named ones, and those in services and routes, a step each. */
export function* findGroupConflicts(services: readonly Path[], report: Report): Steps<void> {
  const names = keysAt(["upstreams"], report) ?? [];
  for (const name of names) findBadName(name, report);
  const inPlace = services.flatMap((service) => upstreamPaths(service, report));
  for (const path of [...names.map((name) => ["upstreams", name]), ...inPlace]) {
    if (Array.isArray(report.valueAt(path))) findEndpointConflicts(path, report);
    if (keysAt(path, report) === undefined) continue;
    findEndpointConflicts([...path, "endpoints"], report);
    findWrongAddresses(path, report);
    findUselessKeys(path, report);
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
  report.add(path, "Cannot use backups alone: expected an endpoint that they can stand in for");
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
