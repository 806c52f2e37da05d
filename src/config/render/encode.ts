/** A configuration as a document: what a file would say that left nothing to defaults. */

import { formatAddress } from "../../net/address.ts";
import type { AdminConfig, Config } from "../config.ts";
import { formatDuration } from "../values/duration.ts";
import { type Complete, unlessEmpty, withoutUndefined } from "./encode_document.ts";
import { encodeGroup } from "./encode_group.ts";
import { MASKED, PLAIN, type SecretFormat } from "./encode_secret.ts";
import { encodeService } from "./encode_service.ts";
import { UpstreamEncoder } from "./encode_upstreams.ts";
import type { ConfigFileInput } from "../schema/config_schema.ts";
import { formatUnixMode } from "../values/unix_mode.ts";

export interface EncodeOptions {
  /**
   * `mask`, unless told: of tokens and of what health checks send and expect, the text only says that they are there.
   * `keep`: they are as they are, for programs that decode or compare documents and never for people.
   */
  readonly secrets?: "mask" | "keep";
}

/** A document of nothing but mappings, lists, texts, numbers, true and false. It has no `defaults`: all is in services. */
export type ConfigDocument = Omit<ConfigFileInput, "defaults">;

type Part<Key extends keyof ConfigDocument> = Complete<NonNullable<ConfigDocument[Key]>>;
type AccessLogPart = Complete<NonNullable<Part<"log">["access"]>>;

/**
 * Writes a configuration as a document, spelled as in a file. What is off or unset is left out where that means the
 * same; everything else is there, defaults included.
 *
 * With `secrets: "keep"`, `decodeConfig` makes the same configuration of it, given no environment: a `$` in a value
 * stands for itself.
 */
export function encodeConfig(config: Config, options: EncodeOptions = {}): ConfigDocument {
  const { workers, log, shutdown, reload, limits, services, admin } = config;
  const secrets = options.secrets === "keep" ? PLAIN : MASKED;
  const upstreams = new UpstreamEncoder(config, secrets);
  const groups = upstreams.named.map((group) => [group.name, encodeGroup(group, secrets)] as const);
  const document: Complete<ConfigDocument> = {
    workers,
    log: encodeLog(log),
    shutdown: encodeShutdown(shutdown),
    reload: { watch: reload.watch } satisfies Part<"reload">,
    limits: limits.connections === 0
      ? undefined
      : { connections: limits.connections } satisfies Part<"limits">,
    admin: admin && encodeAdmin(admin, secrets),
    upstreams: groups.length === 0 ? undefined : Object.fromEntries(groups),
    services: services.map((service) => encodeService(service, upstreams)),
  };
  return withoutUndefined(document);
}

function encodeLog({ level, format, access }: Config["log"]): Part<"log"> {
  return {
    level,
    format,
    access: { path: access.path, format: access.format, sample: access.sample } satisfies AccessLogPart,
  };
}

function encodeShutdown({ drain, delay }: Config["shutdown"]): Part<"shutdown"> {
  return { drain: formatDuration(drain), delay: delay === 0 ? undefined : formatDuration(delay) };
}

function encodeAdmin(admin: AdminConfig, secrets: SecretFormat): Part<"admin"> {
  const { listen, token, hosts, maxConnections, unixMode } = admin;
  return {
    listen: formatAddress(listen),
    token: token === undefined ? undefined : secrets.token(token),
    hosts: unlessEmpty(hosts),
    max_connections: maxConnections,
    unix_mode: unixMode === undefined ? undefined : formatUnixMode(unixMode),
  };
}
