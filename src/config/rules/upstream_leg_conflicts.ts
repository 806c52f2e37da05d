/** Finds settings of upstream connections that fit none of a service's endpoints. */

import type { Address } from "../../net/address.ts";
import { isIpAddress } from "../values/address_text.ts";
import { type Found, keysAt, type Path } from "./found.ts";
import type { Report } from "../input/report.ts";
import { findHalfCertificate } from "./tls_conflicts.ts";
import { leadsTo, nameAt, upstreamPaths } from "./upstream_conflicts.ts";

/** Adds what is wrong with TLS to the upstreams of one service, and with the address it connects from. */
export function findUpstreamLegConflicts(service: Path, report: Report): void {
  const tls = [...service, "upstream_tls"];
  if (keysAt(tls, report) !== undefined) findUpstreamTlsConflicts(service, tls, report);
  findUselessSource(service, report);
}

function findUpstreamTlsConflicts(service: Path, tls: Path, report: Report): void {
  const has = (key: string) => report.valueAt([...tls, key]) !== undefined;
  findHalfCertificate(tls, report);
  const trustsAnyone = [false, "false"].includes(report.valueAt([...tls, "verify"]) as never);
  if (trustsAnyone && has("ca")) {
    report.add(
      [...tls, "ca"],
      `Cannot check certificates against it: ${report.spellPath([...tls, "verify"])} is false`,
    );
  }
  if (trustsAnyone || has("server_name")) return;
  const nameless = findNameless(service, report);
  if (nameless === undefined) return;
  report.addMissing(
    [...tls, "server_name"],
    "expected the name that certificates must be for, " +
      `which ${nameless} does not tell`,
  );
}

/** The first upstream without a host name to verify. A name found by DNS proves nothing. */
function findNameless(service: Path, report: Report): string | undefined {
  for (const path of upstreamPaths(service, report)) {
    const name = nameAt(path, report);
    const discovery = [...name === undefined ? path : ["upstreams", name], "discovery"];
    if (report.valueAt(discovery) !== undefined) return report.spellPath(discovery);
    const socket = leadsTo(path, name, report).find(({ endpoint }) => endpoint.value.transport === "unix");
    if (socket === undefined) continue;
    return `${report.show(socket.endpoint.path)} (${report.spellPath(socket.endpoint.path)})`;
  }
  return undefined;
}

function findUselessSource(service: Path, report: Report): void {
  const path = [...service, "source_address"];
  const source = report.valueAt(path);
  if (typeof source !== "string" || !isIpAddress(source)) return;
  const endpoints = upstreamPaths(service, report)
    .flatMap((upstream) => leadsTo(upstream, nameAt(upstream, report), report))
    .map(({ endpoint }) => endpoint);
  if (endpoints.length > 0 && endpoints.every(({ value }) => value.transport === "unix")) {
    report.add(path, "Cannot connect to unix sockets from an IP address: no upstream is anything else");
  }
  const other = endpoints.find((endpoint) => isOfOtherFamily(endpoint, source));
  if (other === undefined) return;
  const family = isIpv6(source) ? "IPv6" : "IPv4";
  const where = `${report.show(other.path)} (${report.spellPath(other.path)})`;
  report.add(path, `Cannot connect to ${where} from an ${family} address`);
}

function isOfOtherFamily({ value }: Found<Address>, source: string): boolean {
  if (value.transport === "unix" || !isIpAddress(value.hostname)) return false;
  return isIpv6(value.hostname) !== isIpv6(source);
}

function isIpv6(address: string): boolean {
  return address.includes(":");
}
