/** The services under test, whose options are chosen pairwise, and the configuration of a program with all of them. */

import type { Random } from "../support/random.ts";
import { allPairs, type Row } from "./all_pairs.ts";
import { CONFIGURED } from "./faults.ts";
import type { CheckServer } from "./peers/checks.ts";

export const FACTORS = {
  /** The adapter of a leg, and the setting that causes it. */
  socket: ["deno", "pass", "keepalive", "source"],
  /**
   * `route`: a route terminates TLS; `starttls`: clients ask for it as those of PostgreSQL do; `named`: they need a
   * certificate with a certain name, which is not revoked.
   */
  tlsIn: ["none", "node", "deno", "route", "starttls", "named"],
  tlsOut: ["none", "tls", "starttls"],
  proxyIn: ["none", "v1", "v2"],
  proxyOut: ["none", "v1", "v2"],
  /** `range`: two ports that lead to two ports of the upstream. */
  listen: ["tcp", "unix", "range"],
  upstream: ["tcp", "unix"],
  pool: ["none", "warm", "reuse"],
  rate: ["none", "slow"],
  buffer: ["4KiB", "64KiB", "1MiB"],
  onDown: ["keep", "close"],
  /** Whether stages are added and removed while connections live; not possible in an executable. */
  stages: ["none", "some"],
  /** Whether sequences add faults, and the configuration has some, so that all legs use node:net. */
  faults: ["none", "added", "configured"],
  /** Routes by what a client sends first, or by its silence, which all lead to the same group. */
  routes: ["none", "protocol", "silent"],
  /** Whether the clients that may connect are in a file. */
  allow: ["all", "file"],
  /**
   * How its two endpoints share connections; with `tiers`, those of the second end when the first is back; with `moving`,
   * those that are silent for a moment may end.
   */
  share: ["equal", "slow", "stick", "tiers", "moving"],
  /** How the health of its endpoints is checked. */
  checks: ["none", "script", "http"],
  /** Whether endpoints take few clients, which wait for a place; a sequence has fewer, but a burst has more. */
  queue: ["none", "some"],
  allDown: ["try", "refuse", "wait"],
  /** Where copies go: to a server that reads and checks them, or one that never reads. */
  mirror: ["none", "reading", "stuck"],
} as const;

export type ServiceRow = Row<typeof FACTORS>;

/** The most connections of a sequence, and what one endpoint takes with `queue: some`. */
export const MOST_LINKS = 3;

/** The rate of connections to services with `rate: slow`, in bytes a second. */
export const SLOW = 4 * 1024 * 1024;

/** All services, the same for every program with this seed. */
export function serviceRows(random: Random): ServiceRow[] {
  return allPairs(FACTORS, isPossible, random);
}

/** Excludes services that `check` refuses. */
export function isPossible(row: ServiceRow): boolean {
  if (row.socket === "source" && row.upstream === "unix") return false;
  if (row.proxyOut !== "none" && row.pool === "reuse") return false;
  // The protocol that asks for TLS has sessions, of which sluice knows.
  if (row.pool === "reuse" && (row.tlsIn === "starttls" || row.tlsOut === "starttls")) return false;
  // The next client would get what it has left of its own.
  if (row.share === "moving" && row.pool === "reuse") return false;
  if (row.listen === "range" && !isRangePossible(row)) return false;
  // Deno shows its certificate only where TLS begins at once, over TCP.
  if (row.tlsIn === "named" && (row.listen === "unix" || row.proxyIn !== "none")) return false;
  if (row.tlsIn === "route" && row.routes !== "none") return false;
  // A client that cannot connect would end the connections of others.
  if (row.share === "stick" && row.onDown === "close") return false;
  // Clients on unix sockets have no address.
  if (row.allow === "file" && row.listen === "unix" && row.proxyIn === "none") return false;
  // Clients without TLS would have to speak PostgreSQL.
  if (row.tlsIn === "none" && row.tlsOut === "starttls") return false;
  // Deno.listenTls uses neither sockets of Node.js nor unix sockets, and reads the first byte itself.
  if (row.tlsIn === "deno") {
    return row.faults !== "configured" && (row.socket === "deno" || row.socket === "source") &&
      row.listen !== "unix" &&
      row.proxyIn === "none";
  }
  return true;
}

/** A range of ports is no endpoint of a group. */
function isRangePossible({ upstream, pool, share, queue, allDown, checks, onDown }: ServiceRow): boolean {
  return upstream === "tcp" && pool === "none" && share === "equal" && queue === "none" &&
    allDown === "try" &&
    checks === "none" && onDown === "keep";
}

const STAGES = "-stages";

export function serviceName(row: ServiceRow, index: number): string {
  return `s${index}${row.stages === "some" ? STAGES : ""}`;
}

/** Whether stages are added to and removed from connections of the service with this name. */
export function hasStages(name: string): boolean {
  return name.endsWith(STAGES);
}

/** The settings of a service that are not in its row. */
export interface Place {
  readonly row: ServiceRow;
  readonly name: string;
  /** Where it listens. */
  readonly listen: string;
  /** The addresses of its endpoints, and of its mirror. */
  readonly endpoints: readonly string[];
  readonly mirror: string | undefined;
  readonly checks: CheckServer | undefined;
}

/** The settings that reloads change. */
export interface Reloadable {
  /** The number of reloads: `idle_timeout` is ten minutes and this many seconds. */
  readonly version: number;
  readonly buffer: string | undefined;
  readonly weight: number;
  /** The index of the faults in the configuration, for services that have some there. */
  readonly faults: number;
  /** The index of its health check. */
  readonly check: number;
}

export interface ConfigParts {
  readonly workers: number;
  readonly accessLog: string;
  readonly allowed: string;
  readonly certificate: { readonly cert: string; readonly key: string };
  readonly authority: string;
  readonly revoked: string;
  readonly services: readonly (Place & Reloadable)[];
  /** A service that reloads add and remove. */
  readonly hasExtra: boolean;
}

/** The name in the certificates of clients. */
export const CLIENT_NAME = "fuzz-client";

const TLS: Partial<Record<string, string>> = { deno: ", engine: deno", starttls: ", starttls: postgres" };

/** By the number of workers: every line that there is, or none for empty connections. */
const ACCESS: Record<number, string> = { 1: "skip: [empty]", 2: "at: [open, connected, closed]" };

/** Permits faults without `faults: true`, which would make all legs use node:net. */
const FAULTY =
  `  - { name: faulty, listen: "127.0.0.1:0", upstream: "127.0.0.2:9", faults: [{ type: noop }] }\n`;

export function configText(parts: ConfigParts): string {
  const { workers, accessLog, services, hasExtra } = parts;
  const extra = hasExtra ? `  - { name: extra, listen: "127.0.0.1:0", upstream: "127.0.0.2:9" }\n` : "";
  return `workers: ${workers}
log: { level: info, format: json, access: { path: "${accessLog}", format: json, ${ACCESS[workers]} } }
admin: { listen: "127.0.0.1:0" }
shutdown: { drain: 0 }
upstreams:
${services.filter(({ row }) => row.listen !== "range").map(groupText).join("")}services:
${services.map((service) => serviceText(service, parts)).join("")}${FAULTY}${extra}`;
}

function groupText({ row, name, endpoints, weight, checks, check }: Place & Reloadable): string {
  const tier = row.share === "tiers" ? [0, 3] : [0, 0];
  const limit = row.queue === "none" ? 0 : MOST_LINKS;
  const members = endpoints.map((address, index) =>
    `{ address: "${address}", weight: ${weight}, tier: ${tier[index]}, max_connections: ${limit} }`
  );
  const keys = [`endpoints: [${members.join(", ")}]`, `on_all_down: ${row.allDown}`];
  if (limit > 0) keys.push("queue: 30s");
  if (row.pool !== "none") {
    const quiet = row.pool === "reuse" ? ", quiet: 20ms" : "";
    keys.push(`pool: { mode: ${row.pool}, max_idle: 2, max_idle_time: 1h${quiet} }`);
  }
  if (row.share === "slow") keys.push("slow_start: 2s", "rebalance: { share: 5%, every: 2h, quiet: 1h }");
  if (row.share === "moving") {
    keys.push("rebalance: { share: 50%, every: 100ms, quiet: 30ms }", "drain_idle: 30ms");
  }
  if (row.checks !== "none") keys.push(checks!.textFor(row.checks, check));
  if (row.share === "stick") keys.push("stick: endpoint");
  if (row.share === "tiers") keys.push("on_recover: close", "drain_idle: 1h");
  if (row.onDown === "close") keys.push("on_down: close");
  if (row.onDown === "close" || row.allDown === "refuse") keys.push("passive: { failures: 1000 }");
  return `  ${name}-group: { ${keys.join(", ")} }\n`;
}

function serviceText(
  service: Place & Reloadable,
  { certificate: { cert, key }, authority, allowed, revoked }: ConfigParts,
): string {
  const { row, name, listen, version, buffer, mirror } = service;
  const upstream = row.listen === "range" ? `"${service.endpoints[0]}"` : `${name}-group`;
  const keys = [`name: ${name}`, `listen: "${listen}"`, `upstream: ${upstream}`];
  keys.push(`idle_timeout: ${600 + version}s`, `buffer_size: ${buffer ?? row.buffer}`);
  if (row.socket === "pass") keys.push("reset: pass");
  if (row.socket === "keepalive") keys.push("keepalive: 60s");
  if (row.socket === "source") keys.push("source_address: 127.0.0.3");
  const asked = row.tlsIn === "named"
    ? `, client_ca: "${authority}", crl: "${revoked}"`
    : TLS[row.tlsIn] ?? "";
  const tls = `tls: { cert: "${cert}", key: "${key}"${asked} }`;
  if (row.tlsIn === "named") keys.push(`allow_clients: { client_name: ${CLIENT_NAME} }`);
  if (row.tlsIn === "route") keys.push(`routes: [{ sni: fuzz.test, ${tls}, upstream: ${upstream} }]`);
  else if (row.tlsIn !== "none") keys.push(tls);
  if (row.tlsOut !== "none") {
    const more = row.tlsOut === "starttls" ? ", starttls: postgres" : "";
    keys.push(`upstream_tls: { ca: "${authority}", server_name: fuzz.test${more} }`);
  }
  if (row.proxyIn !== "none") {
    keys.push(`accept_proxy_protocol: { from: [${row.listen === "unix" ? "unix" : "127.0.0.0/8"}] }`);
  }
  if (row.proxyOut !== "none") keys.push(`send_proxy_protocol: ${row.proxyOut}`);
  if (row.faults === "configured") keys.push(`faults: [${CONFIGURED[service.faults]!.join(", ")}]`);
  if (row.routes !== "none") {
    const condition = row.routes === "silent" ? "silent: true" : "protocol: [tls, http, ssh, redis]";
    keys.push(`routes: [{ ${condition}, upstream: ${upstream} }]`, "peek: { timeout: 30ms }");
  }
  if (row.allow === "file") keys.push(`allow: { file: "${allowed}" }`);
  if (mirror !== undefined) keys.push(`mirror: { upstream: "${mirror}", buffer: 256KiB }`);
  if (row.rate === "slow") keys.push(`limits: { upload: ${SLOW}, download: ${SLOW} }`);
  return `  - { ${keys.join(", ")} }\n`;
}

/** The values of a row, in one line. */
export function rowText(row: ServiceRow): string {
  return Object.entries(row).map(([name, value]) => `${name}=${value}`).join(" ");
}
