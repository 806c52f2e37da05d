/**
 * The configuration as the rest of the program sees it: complete, readonly, in plain units (milliseconds, bytes). What
 * each key means is said in `schema/`.
 */

import type { z } from "zod";
import type { FilterFactory } from "./filter.ts";
import type { admin } from "./schema/admin_schema.ts";
import type { acceptProxyProtocol, limits, peek } from "./schema/admission_schema.ts";
import type { access, ConfigFile, ServiceEntry } from "./schema/config_schema.ts";
import type { GroupEntry } from "./schema/group_schema.ts";
import type { route } from "./schema/route_schema.ts";
import type { TlsConfig, UpstreamTlsConfig } from "./schema/tls_schema.ts";

export type { PortRange } from "./values/port_range.ts";
export type { RateConfig } from "./schema/limit_fields.ts";
export type { CertificateConfig, TlsConfig, UpstreamTlsConfig } from "./schema/tls_schema.ts";

export interface Config extends Omit<ConfigFile, "log" | "defaults" | "upstreams" | "services"> {
  readonly log: Omit<ConfigFile["log"], "access"> & { readonly access: AccessLogConfig };
  /** Every upstream group, whether it has a name of its own or was written in place; names are unique. */
  readonly upstreams: readonly GroupConfig[];
  readonly services: readonly ServiceConfig[];
  /** Deprecated settings in the file: a sentence each, with its path. */
  readonly warnings: readonly string[];
}

export type Workers = Config["workers"];
export type LogLevel = Config["log"]["level"];
export type LogFormat = Config["log"]["format"];

/** Where each connection leaves a line when it ends. */
export interface AccessLogConfig extends Omit<z.output<typeof access>, "format"> {
  readonly format: LogFormat;
}

/** The HTTP interface for operators. */
export type AdminConfig = z.output<typeof admin>;

/** Where connections go: interchangeable endpoints. */
export interface GroupConfig extends GroupEntry {
  /** As logs and metrics show it. A lone address is called by itself. */
  readonly name: string;
}

export type EndpointConfig = GroupConfig["endpoints"][number];
export type HealthCheckConfig = NonNullable<GroupConfig["healthCheck"]>;
export type PassiveConfig = NonNullable<GroupConfig["passive"]>;
export type PoolConfig = NonNullable<GroupConfig["pool"]>;
export type DiscoveryConfig = NonNullable<GroupConfig["discovery"]>;
export type AcceptProxyProtocolConfig = z.output<typeof acceptProxyProtocol>;
export type LimitsConfig = z.output<typeof limits>;
export type PeekConfig = z.output<typeof peek>;

/** Where clients go that meet all conditions; a condition that is undefined is met by every client. */
export interface RouteConfig extends Omit<z.output<typeof route>, "upstream"> {
  readonly upstream: GroupConfig;
}

/** What a service can set for itself, and `defaults` for all services. */
export interface ServiceDefaults extends Omit<ConfigFile["defaults"], "halfCloseTimeout"> {
  readonly halfCloseTimeout: number;
}

export interface ServiceConfig
  extends
    Omit<ServiceEntry, keyof ServiceDefaults | "tls" | "upstreamTls" | "routes" | "upstream">,
    ServiceDefaults {
  readonly tls: TlsConfig | undefined;
  readonly upstreamTls: UpstreamTlsConfig | undefined;
  /** The first that matches decides. */
  readonly routes: readonly RouteConfig[];
  /** For clients that no route matches; without it, they are refused. */
  readonly upstream: GroupConfig | undefined;
  /** Only programs have filters. */
  readonly filter?: FilterFactory;
}

/** What happens on the other side when one side's connection is reset. */
export type ResetPolicy = ServiceConfig["reset"];
