/** The services under test: options chosen pairwise, and the configuration of a program that has them all. */

import type { Random } from "../support/random.ts";
import { allPairs, type Row } from "./all_pairs.ts";

export const FACTORS = {
  /** Which adapter a leg is on, and why. */
  socket: ["deno", "pass", "keepalive", "source"],
  tlsIn: ["none", "node", "deno"],
  tlsOut: ["none", "tls"],
  proxyIn: ["none", "v1", "v2"],
  proxyOut: ["none", "v1", "v2"],
  listen: ["tcp", "unix"],
  upstream: ["tcp", "unix"],
  pool: ["none", "warm", "reuse"],
  rate: ["none", "slow"],
  buffer: ["4KiB", "64KiB", "1MiB"],
  onDown: ["keep", "close"],
  /** Whether stages come and go while connections live; not in an executable. */
  stages: ["none", "some"],
} as const;

export type ServiceRow = Row<typeof FACTORS>;

/** What connections of services with `rate: slow` get, in bytes a second. */
export const SLOW = 4 * 1024 * 1024;

/** All services, the same for every program with this seed. */
export function serviceRows(random: Random): ServiceRow[] {
  return allPairs(FACTORS, isPossible, random);
}

/** What `check` refuses is no service. */
export function isPossible(row: ServiceRow): boolean {
  if (row.socket === "source" && row.upstream === "unix") return false;
  if (row.proxyOut !== "none" && row.pool === "reuse") return false;
  // Deno.listenTls has neither the sockets of Node.js nor unix ones, and reads the first byte itself.
  if (row.tlsIn === "deno") {
    return (row.socket === "deno" || row.socket === "source") && row.listen === "tcp" &&
      row.proxyIn === "none";
  }
  return true;
}

const STAGES = "-stages";

export function serviceName(row: ServiceRow, index: number): string {
  return `s${index}${row.stages === "some" ? STAGES : ""}`;
}

/** Whether stages come to connections of the service of this name, and go. */
export function hasStages(name: string): boolean {
  return name.endsWith(STAGES);
}

/** What a service needs that is not in its row. */
export interface Place {
  readonly row: ServiceRow;
  readonly name: string;
  /** Where it listens when that is a unix socket. */
  readonly socketPath: string;
  /** Addresses of its endpoints. */
  readonly endpoints: readonly string[];
}

/** What reloads change of a service. */
export interface Reloadable {
  /** Counts reloads: seconds of `idle_timeout` beyond ten minutes. */
  readonly version: number;
  readonly buffer: string | undefined;
  readonly weight: number;
}

export interface ConfigParts {
  readonly workers: number;
  readonly accessLog: string;
  readonly certificate: { readonly cert: string; readonly key: string };
  readonly authority: string;
  readonly services: readonly (Place & Reloadable)[];
  /** A service that comes and goes. */
  readonly hasExtra: boolean;
}

export function configText(parts: ConfigParts): string {
  const { workers, accessLog, services, hasExtra } = parts;
  const extra = hasExtra ? `  - { name: extra, listen: "127.0.0.1:0", upstream: "127.0.0.2:9" }\n` : "";
  return `workers: ${workers}
log: { level: info, format: json, access: { path: "${accessLog}", format: json } }
admin: { listen: "127.0.0.1:0" }
shutdown: { drain: 0 }
upstreams:
${services.map(groupText).join("")}services:
${services.map((service) => serviceText(service, parts)).join("")}${extra}`;
}

function groupText({ row, name, endpoints, weight }: Place & Reloadable): string {
  const members = endpoints.map((address) => `{ address: "${address}", weight: ${weight} }`);
  const keys = [`endpoints: [${members.join(", ")}]`];
  if (row.pool !== "none") {
    const quiet = row.pool === "reuse" ? ", quiet: 20ms" : "";
    keys.push(`pool: { mode: ${row.pool}, max_idle: 2, max_idle_time: 1h${quiet} }`);
  }
  if (row.onDown === "close") keys.push("on_down: close", "passive: { failures: 1000 }");
  return `  ${name}-group: { ${keys.join(", ")} }\n`;
}

function serviceText(
  service: Place & Reloadable,
  { certificate: { cert, key }, authority }: ConfigParts,
): string {
  const { row, name, socketPath, version, buffer } = service;
  const listen = row.listen === "unix" ? `unix:${socketPath}` : "127.0.0.1:0";
  const keys = [`name: ${name}`, `listen: "${listen}"`, `upstream: ${name}-group`];
  keys.push(`idle_timeout: ${600 + version}s`, `buffer_size: ${buffer ?? row.buffer}`);
  if (row.socket === "pass") keys.push("reset: pass");
  if (row.socket === "keepalive") keys.push("keepalive: 60s");
  if (row.socket === "source") keys.push("source_address: 127.0.0.3");
  if (row.tlsIn !== "none") {
    keys.push(`tls: { cert: "${cert}", key: "${key}"${row.tlsIn === "deno" ? ", engine: deno" : ""} }`);
  }
  if (row.tlsOut === "tls") keys.push(`upstream_tls: { ca: "${authority}", server_name: fuzz.test }`);
  if (row.proxyIn !== "none") {
    keys.push(`accept_proxy_protocol: { from: [${row.listen === "unix" ? "unix" : "127.0.0.0/8"}] }`);
  }
  if (row.proxyOut !== "none") keys.push(`send_proxy_protocol: ${row.proxyOut}`);
  if (row.rate === "slow") keys.push(`limits: { upload: ${SLOW}, download: ${SLOW} }`);
  return `  - { ${keys.join(", ")} }\n`;
}

/** A row in a line: what is not the least of it. */
export function rowText(row: ServiceRow): string {
  return Object.entries(row).map(([name, value]) => `${name}=${value}`).join(" ");
}
