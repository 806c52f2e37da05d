/** Warnings about valid configurations that are seldom intended. */

import type { Config, ServiceConfig } from "../../config/config.ts";
import { groupsOf } from "../../config/rules/groups.ts";
import { type Address, formatAddress, isAbstract } from "../../net/address.ts";
import { canShare } from "../../net/socket/reserve.ts";
import { blockMeantBy } from "../../wire/ip/cidr.ts";

/** Protocols that start in plain text and upgrade to TLS (STARTTLS), by their usual ports. */
const STARTTLS_PORTS: ReadonlyMap<number, string> = new Map([
  [21, "FTP"],
  [25, "SMTP"],
  [110, "POP3"],
  [143, "IMAP"],
  [389, "LDAP"],
  [587, "SMTP"],
  [3306, "MySQL"],
  [5222, "XMPP"],
  [5432, "PostgreSQL"],
]);

/** One sentence for each, with the service. @param system The operating system it runs on. */
export function warningsOf(config: Config, system: typeof Deno.build.os = Deno.build.os): string[] {
  return [
    ...config.warnings,
    ...unusableWorkers(config, system),
    ...unusedMode(config),
    ...widerBlocks(config),
    ...config.services.flatMap((service) => [
      ...uncheckedUpstream(service),
      ...startTlsUpstreams(service),
    ]),
  ];
}

/** Only Linux distributes the clients of a port over the listeners of several threads. */
function unusableWorkers({ workers }: Config, system: typeof Deno.build.os): string[] {
  if (workers === 1 || canShare(system)) return [];
  const why = system === "linux"
    ? "more need Deno to be started with --unstable-net"
    : "more work on Linux only";
  return [`workers: one thread runs in place of ${workers}, ${why}`];
}

function unusedMode({ admin }: Config): string[] {
  if (admin?.unixMode === undefined) return [];
  const { listen } = admin;
  if (listen.transport === "unix" && !isAbstract(listen)) return [];
  return [`admin: unix_mode does nothing, ${formatAddress(listen)} has no socket file`];
}

/** Bits beyond the prefix of a block have no effect: a smaller block may be intended. */
function widerBlocks({ services }: Config): string[] {
  const texts = services.flatMap(({ allow, deny, acceptProxyProtocol, routes }) => [
    ...allow,
    ...deny,
    ...acceptProxyProtocol?.from ?? [],
    ...routes.flatMap(({ sourceIp }) => sourceIp ?? []),
  ]);
  return [...new Set(texts)].flatMap((text) => {
    const meant = text.includes("/") ? blockMeantBy(text) : undefined;
    const [address] = text.split("/");
    return meant === undefined
      ? []
      : [`${text} stands for all of ${meant} (write that, or ${address} for it alone)`];
  });
}

function uncheckedUpstream({ name, upstreamTls }: ServiceConfig): string[] {
  if (upstreamTls === undefined || upstreamTls.verify) return [];
  return [`${name}: the upstream's certificate is not checked (upstream_tls.verify is false)`];
}

/** One warning for each protocol and side, however many endpoints speak it. */
function startTlsUpstreams(service: ServiceConfig): string[] {
  const first = new Map<string, Address>();
  for (const address of groupsOf(service).flatMap(({ endpoints }) => endpoints.map((each) => each.address))) {
    const protocol = address.transport === "tcp" ? STARTTLS_PORTS.get(address.port) : undefined;
    if (protocol !== undefined && !first.has(protocol)) first.set(protocol, address);
  }
  return [...first].flatMap(([protocol, address]) => [
    ...upgradesToTls(service.tls, protocol) ? [clientWarning(service.name, protocol, address)] : [],
    ...upgradesToTls(service.upstreamTls, protocol) ? [upstreamWarning(service.name, protocol, address)] : [],
  ]);
}

/** The ALPN name `postgresql` means that PostgreSQL starts with TLS. */
function upgradesToTls(tls: { readonly alpn: readonly string[] } | undefined, protocol: string): boolean {
  return tls !== undefined && !(protocol === "PostgreSQL" && tls.alpn.includes("postgresql"));
}

function clientWarning(name: string, protocol: string, address: Address): string {
  const remedy = protocol === "PostgreSQL"
    ? 'only those of version 17 with sslnegotiation=direct work, set "alpn: postgresql" for them'
    : "leave tls out, and TLS is passed through";
  return `${name}: ${
    formatAddress(address)
  } looks like ${protocol}, whose clients begin in plain text and ask ` +
    `for TLS inside: tls does not work with most of them (${remedy})`;
}

function upstreamWarning(name: string, protocol: string, address: Address): string {
  const remedy = protocol === "PostgreSQL"
    ? 'only version 17 and later do, with "alpn: postgresql"'
    : "leave upstream_tls out, or name the port for TLS if there is one";
  return `${name}: ${
    formatAddress(address)
  } looks like ${protocol}, which begins in plain text and is asked ` +
    `for TLS inside: most servers do not work with upstream_tls (${remedy})`;
}
