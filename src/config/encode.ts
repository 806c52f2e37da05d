/** A configuration as a document: the file that would set every key. */

import type { Config, GroupConfig, ServiceConfig } from "./config.ts";
import { WrittenGroups } from "./rules/written_groups.ts";
import {
  type ConfigFile,
  configFileFrame,
  type ConfigFileInput,
  service,
  type ServiceEntry,
} from "./schema/config_schema.ts";
import type { GroupEntry } from "./schema/group_schema.ts";
import { HELLO_CONDITIONS } from "./schema/route_schema.ts";
import { secretKeys } from "./schema/keys.ts";
import { encode } from "./schema/section.ts";
import { parsePayload } from "./values/payload.ts";
import { formatSize } from "./values/size.ts";

/** Writes a secret without revealing it. `path` is its path. */
export type Mask = (text: string, path: readonly PropertyKey[]) => string;

export interface EncodeOptions {
  /**
   * `mask`, the default: of tokens and of what health checks send and expect, the text only says that they are there.
   * `keep`: they are as they are, for programs that decode or compare documents and never for people.
   */
  readonly secrets?: "mask" | "keep" | Mask;
}

/** A document of nothing but mappings, lists, texts, numbers, true and false. It has no `defaults`: all is in services. */
export type ConfigDocument = Omit<ConfigFileInput, "defaults">;

/**
 * Writes a configuration as a document, spelled as in a file. What is off or unset is left out where that means the
 * same; everything else is there, defaults included.
 *
 * With `secrets: "keep"`, `decodeConfig` makes the same configuration of it, given no environment: a `$` in a value
 * stands for itself.
 */
export function encodeConfig(config: Config, { secrets = "mask" }: EncodeOptions = {}): ConfigDocument {
  const groups = new WrittenGroups(config);
  const upstreams = new Map([...groups.named].map(([name, group]) => [name, groupOf(group)]));
  // Without `defaults`: their values are in the services.
  const frame = {
    ...config,
    upstreams,
    defaults: undefined as unknown as ConfigFile["defaults"],
    services: undefined,
  };
  const document = {
    ...encode(configFileFrame, frame),
    services: config.services.map((each) => encode(service, serviceOf(each, groups))),
  };
  return finish(
    document,
    secrets === "keep" ? (text) => text : secrets === "mask" ? stars : secrets,
  ) as ConfigDocument;
}

/** A file may say how connections are taken back only where they are. */
function groupOf(group: GroupConfig): GroupEntry {
  const { pool } = group;
  const isWarm = pool?.mode === "warm";
  return (isWarm
    ? { ...group, pool: { ...pool, quiet: undefined, maxUses: undefined } }
    : group) as GroupEntry;
}

function serviceOf(service: ServiceConfig, groups: WrittenGroups): ServiceEntry {
  const { tls, upstreamTls, upstream } = service;
  const written = (group: GroupConfig) => {
    const entry = groups.entryOf(group);
    return entry.kind === "group" ? { ...entry, group: groupOf(group) } : entry;
  };
  return {
    ...service,
    tls: tls && { ...tls, cert: undefined, key: undefined, seamless: undefined },
    upstreamTls: upstreamTls &&
      { ...upstreamTls, cert: undefined, key: undefined, ...upstreamTls.certificate },
    peek: isPeeking(service) ? service.peek : {} as ServiceEntry["peek"],
    routes: service.routes.map((route) => ({ ...route, upstream: written(route.upstream) })),
    upstream: upstream && written(upstream),
  };
}

/** A file may set `peek` only where a route needs it and no TLS of the service's own reads the ClientHello. */
function isPeeking({ routes, tls }: ServiceConfig): boolean {
  return tls === undefined &&
    routes.some((route) => HELLO_CONDITIONS.some((condition) => route[condition] !== undefined));
}

/** Of bytes, how many there are; of a token, not even that. */
function stars(text: string, path: readonly PropertyKey[]): string {
  return path.at(-1) === "token" ? "***" : `*** (${formatSize(parsePayload(text).length)})`;
}

/** A copy without empty mappings, which say nothing, and with its secrets masked. */
function finish(value: unknown, mask: Mask, path: readonly PropertyKey[] = []): unknown {
  if (Array.isArray(value)) return value.map((entry, index) => finish(entry, mask, [...path, index]));
  if (typeof value === "string") return secretKeys().has(String(path.at(-1))) ? mask(value, path) : value;
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, entry]) =>
    [key, finish(entry, mask, [...path, key])] as const
  );
  return Object.fromEntries(entries.filter(([, entry]) => !isEmpty(entry)));
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}
