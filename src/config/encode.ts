/** Writes a configuration as a document that sets every key. */

import { isChosenByClient } from "../net/address.ts";
import type { Config, GroupConfig, RouteConfig, ServiceConfig, TlsConfig } from "./config.ts";
import {
  type ConfigFile,
  configFileFrame,
  type ConfigFileInput,
  service,
  type ServiceEntry,
} from "./schema/config_schema.ts";
import type { GroupEntry, UpstreamEntry } from "./schema/group_schema.ts";
import { writtenCheck } from "./schema/health_check_schema.ts";
import { BYTE_CONDITIONS, HELLO_CONDITIONS } from "./schema/route_schema.ts";
import { secretKeys } from "./schema/keys.ts";
import { encode, toCamelCase } from "./schema/section.ts";
import { parsePayload } from "./values/payload.ts";
import { formatSize } from "./values/size.ts";

/** Replaces a secret, which is at `path`. */
type Mask = (text: string, path: readonly PropertyKey[]) => string;

/** Mappings, lists, texts, numbers and booleans. There are no `defaults`: each service has its values. */
export type ConfigDocument = Omit<ConfigFileInput, "defaults">;

/**
 * Writes a configuration as a document, with keys as in a file. It contains all settings in effect, but omits a setting
 * that is off if a file without the key means the same. Given no environment, `decodeConfig` reads the same
 * configuration back, except for the secrets.
 *
 * @param mask For tokens and for what health checks send and expect. By default, it writes stars.
 */
export function encodeConfig(config: Config, mask: Mask = stars): ConfigDocument {
  const named = config.upstreams.filter(({ writtenAs }) => writtenAs === "name");
  // Without `defaults`: their values are in the services.
  const frame = {
    ...config,
    faults: config.faultsEnabled,
    upstreams: new Map(named.map((group) => [group.name, groupOf(group)])),
    defaults: undefined as unknown as ConfigFile["defaults"],
    services: undefined,
  };
  const document = {
    ...encode(configFileFrame, frame),
    services: config.services.map((each) => encode(service, serviceOf(each))),
  };
  return finish(document, mask) as ConfigDocument;
}

/** A file may set `quiet` and `max_uses` only with `mode: reuse`. */
function groupOf({ pool, healthCheck, ...group }: GroupConfig): GroupEntry {
  return {
    ...group,
    pool: pool?.mode === "warm" ? { ...pool, quiet: undefined, maxUses: undefined } : pool,
    healthCheck: healthCheck && writtenCheck(healthCheck),
  } as GroupEntry;
}

function upstreamOf(group: GroupConfig): UpstreamEntry {
  const { name, writtenAs, endpoints } = group;
  if (writtenAs === "name") return { kind: writtenAs, name };
  if (writtenAs === "group") return { kind: writtenAs, group: groupOf(group) };
  return { kind: writtenAs, address: endpoints[0]!.address };
}

function serviceOf(service: ServiceConfig): ServiceEntry {
  const { tls, upstreamTls, upstream, mirror } = service;
  return {
    ...service,
    tls: tls && { ...writtenTls(tls), seamless: undefined },
    upstreamTls: upstreamTls &&
      { ...upstreamTls, cert: undefined, key: undefined, ...upstreamTls.certificate },
    peek: isPeeking(service) ? service.peek : {} as ServiceEntry["peek"],
    routes: service.routes.map((route) => ({
      ...route,
      tls: route.tls && writtenTls(route.tls),
      upstream: upstreamOf(route.upstream),
    })),
    upstream: upstream && upstreamOf(upstream),
    mirror: mirror && { ...mirror, upstream: upstreamOf(mirror.upstream) },
    filters: service.filters.map(({ path }) => path),
  };
}

/** Certificates are written as a list. */
function writtenTls(tls: TlsConfig) {
  const certificates = tls.acme === undefined ? tls.certificates : undefined;
  return { ...tls, certificates, cert: undefined, key: undefined };
}

/** A file may set `peek` only where something needs it, and no TLS of the service's own reads the ClientHello. */
function isPeeking({ routes, upstream, faults, tls }: ServiceConfig): boolean {
  const asks = (keys: readonly string[]) =>
    routes.some((route) => keys.some((key) => route[toCamelCase(key) as keyof RouteConfig] !== undefined));
  const isBehindTls = tls !== undefined && routes.every((route) => route.tls === undefined);
  if (asks(BYTE_CONDITIONS) || isBehindTls) return asks(BYTE_CONDITIONS);
  const groups = [...routes.map((route) => route.upstream), upstream];
  if (groups.some((group) => group?.endpoints.some(({ address }) => isChosenByClient(address)))) return true;
  return asks(HELLO_CONDITIONS) || faults.some(({ trigger }) => trigger.sni !== undefined);
}

/** Secrets whose length is a secret too. */
const OPAQUE = new Set(["token", "hmac_key"]);

/** Reveals the length of bytes, and nothing about a token. */
function stars(text: string, path: readonly PropertyKey[]): string {
  return OPAQUE.has(String(path.at(-1))) ? "***" : `*** (${formatSize(parsePayload(text).length)})`;
}

/** Copies a document, masks its secrets and omits keys without a value and empty mappings. */
function finish(value: unknown, mask: Mask, path: readonly PropertyKey[] = []): unknown {
  if (Array.isArray(value)) return value.map((entry, index) => finish(entry, mask, [...path, index]));
  if (typeof value === "string") return secretKeys().has(String(path.at(-1))) ? mask(value, path) : value;
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, entry]) =>
    [key, finish(entry, mask, [...path, key])] as const
  );
  return Object.fromEntries(entries.filter(([, entry]) => entry !== undefined && !isEmpty(entry)));
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}
