/** Warnings about valid configurations that are seldom intended. */

import type { Config, ServiceConfig, UpstreamTlsConfig } from "../../config/config.ts";
import { isLocal } from "../../config/rules/conflicts.ts";
import { formatAddress, isAbstract } from "../../net/address.ts";
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
    ...openToxiproxy(config),
    ...widerBlocks(config),
    ...config.services.flatMap((service) => [
      ...uncheckedUpstream(service),
      ...openToAllNames(service),
      ...startTlsUpstreams(service),
      ...unreachableChecks(service),
    ]),
  ];
}

/** Only Linux distributes the clients of a port over the listeners of several threads. */
function unusableWorkers({ workers }: Config, system: typeof Deno.build.os): string[] {
  if (workers === 1 || canShare(system)) return [];
  const why = system === "linux" ? "need Deno to be started with --unstable-net" : "work on Linux only";
  return [`workers: one thread runs in place of ${workers}, more ${why}`];
}

function unusedMode({ admin }: Config): string[] {
  if (admin?.unixMode === undefined) return [];
  const { listen } = admin;
  if (listen.transport === "unix" && !isAbstract(listen)) return [];
  return [`admin: unix_mode does nothing, ${formatAddress(listen)} has no socket file`];
}

/** Its clients have no token. */
function openToxiproxy({ admin }: Config): string[] {
  const listen = admin?.toxiproxy;
  if (listen === undefined || isLocal(listen)) return [];
  return [
    `admin: other machines can reach toxiproxy (${
      formatAddress(listen)
    }), and change this proxy without a token`,
  ];
}

/** Bits beyond the prefix of a block have no effect: a smaller block may be intended. */
function widerBlocks({ services }: Config): string[] {
  const texts = services.flatMap(({ allow, deny, allowPrivate, acceptProxyProtocol, routes }) => [
    ...allow,
    ...deny,
    ...allowPrivate,
    ...acceptProxyProtocol?.from ?? [],
    ...routes.flatMap(({ sourceIp }) => sourceIp ?? []),
  ]);
  return [...new Set(texts)].flatMap((text) => {
    if (typeof text !== "string") return [];
    const meant = text.includes("/") ? blockMeantBy(text) : undefined;
    if (meant === undefined) return [];
    const [address] = text.split("/");
    return [`${text} stands for all of ${meant} (write that, or ${address} for it alone)`];
  });
}

function uncheckedUpstream({ name, upstreamTls }: ServiceConfig): string[] {
  if (upstreamTls === undefined || upstreamTls.verify) return [];
  return [`${name}: the upstream's certificate is not checked (upstream_tls.verify is false)`];
}

/** As an open proxy, it hides where connections come from. */
function openToAllNames({ name, allow, allowNames = [] }: ServiceConfig): string[] {
  if (!allowNames.includes("*")) return [];
  const clients = allow.length === 0 ? "any client" : "any client in allow";
  return [`${name}: ${clients} can connect to any host through it (allow_names is "*")`];
}

/** Where ACME servers check names over TLS (RFC 8737 section 3). */
const CHECKED_PORT = 443;

/** Checks of ACME servers come from anywhere, to one port. */
function unreachableChecks({ name, tls, routes, listen, allow }: ServiceConfig): string[] {
  const orders = [tls, ...routes.map((route) => route.tls)].flatMap((each) => each && each.acme || []);
  if (orders.every(({ http }) => http !== undefined)) return [];
  const isThere = listen.some((address) => address.transport === "tcp" && address.port === CHECKED_PORT);
  return [
    ...isThere ? [] : [
      `${name}: port ${CHECKED_PORT} of the names must lead to one of its addresses, or acme needs "http"`,
    ],
    ...allow.length === 0
      ? []
      : [`${name}: allow must let in the checks of the ACME server, or acme needs "http"`],
  ];
}

/** One warning for each protocol and side, however many endpoints speak it. */
function startTlsUpstreams({ name, tls, upstreamTls, routes, upstream }: ServiceConfig): string[] {
  const warnings = new Map<string, string>();
  const users = [...routes, { tls, upstream }];
  for (const user of users) {
    const clients = user.tls === false ? undefined : user.tls ?? tls;
    for (const { address } of user.upstream?.endpoints ?? []) {
      const protocol = address.transport === "tcp" ? STARTTLS_PORTS.get(address.port) : undefined;
      if (protocol === undefined) continue;
      const what = `${name}: ${formatAddress(address)} looks like ${protocol}`;
      const add = (side: string, warning: string) => {
        const key = `${protocol} ${side}`;
        if (!warnings.has(key)) warnings.set(key, `${what}, ${warning}`);
      };
      if (upgradesToTls(clients, protocol)) add("client", clientWarning(protocol));
      if (upgradesToTls(upstreamTls, protocol)) add("upstream", upstreamWarning(protocol));
    }
  }
  return [...warnings.values()];
}

/** Values of `starttls`, by protocol. */
const STARTTLS: Readonly<Record<string, string>> = { PostgreSQL: "postgres", SMTP: "smtp", IMAP: "imap" };

/** The ALPN name `postgresql` means that PostgreSQL starts with TLS. */
function upgradesToTls(
  tls: Pick<UpstreamTlsConfig, "alpn" | "starttls"> | undefined,
  protocol: string,
): boolean {
  return tls !== undefined && tls.starttls === undefined &&
    !(protocol === "PostgreSQL" && tls.alpn.includes("postgresql"));
}

function clientWarning(protocol: string): string {
  const remedy = protocol in STARTTLS
    ? `set "starttls: ${STARTTLS[protocol]}"`
    : "leave tls out, and TLS is passed through";
  return "whose clients begin in plain text and ask for TLS inside: " +
    `tls does not work with most of them (${remedy})`;
}

function upstreamWarning(protocol: string): string {
  const remedy = protocol in STARTTLS
    ? `set "starttls: ${STARTTLS[protocol]}"`
    : "leave upstream_tls out, or name the port for TLS if there is one";
  return "which begins in plain text and is asked for TLS inside: " +
    `most servers do not work with upstream_tls (${remedy})`;
}
