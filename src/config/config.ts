/**
 * The configuration as the rest of the program sees it: complete, readonly, in plain units (milliseconds, bytes). What
 * each key means is said in `schema/`.
 */

import type * as z from "zod";
import type { FilterFactory } from "./filter.ts";
import type { admin } from "./schema/admin_schema.ts";
import type { access, ConfigFile, ServiceEntry } from "./schema/config_schema.ts";
import type { FaultConfig } from "./schema/fault_schema.ts";
import type { DiscoveryEntry } from "./schema/discovery_schema.ts";
import type { EndpointEntry, GroupEntry, UpstreamEntry } from "./schema/group_schema.ts";
import type { mirror } from "./schema/mirror_schema.ts";
import type { route } from "./schema/route_schema.ts";
import type { TlsConfig, UpstreamTlsConfig } from "./schema/tls_schema.ts";

export type { ExpectationConfig, HttpCheckConfig } from "./schema/health_check_schema.ts";
export type { FaultConfig } from "./schema/fault_schema.ts";
export type { PortRange } from "./values/port_range.ts";
export type { ListEntry } from "./schema/list_file.ts";
export type { RateConfig } from "./schema/admission_schema.ts";
export type { AcmeConfig } from "./schema/acme_schema.ts";
export type { TlsConfig, UpstreamTlsConfig } from "./schema/tls_schema.ts";

export interface Config extends Omit<ConfigFile, "log" | "defaults" | "faults" | "upstreams" | "services"> {
  readonly log: Omit<ConfigFile["log"], "access"> & { readonly access: AccessLogConfig };
  /** Whether faults can be added while the program runs. */
  readonly faultsEnabled: boolean;
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
export interface GroupConfig extends Omit<GroupEntry, "endpoints" | "discovery"> {
  /** With discovery, the names to look up, or none. */
  readonly endpoints: readonly EndpointEntry[];
  /** Where endpoints are found; undefined when they are those of the configuration. */
  readonly discovery: DiscoveryConfig | undefined;
  /** As logs and metrics show it. A lone address is its own name. */
  readonly name: string;
  /** How a file has it: under a name of its own, in place of its name, or as its only address. */
  readonly writtenAs: UpstreamEntry["kind"];
}

/** What a `type` stands for is in `port`, `http` and `script`. */
export type HealthCheckConfig = NonNullable<GroupConfig["healthCheck"]>;
export type PassiveConfig = NonNullable<GroupConfig["passive"]>;
export type PoolConfig = NonNullable<GroupConfig["pool"]>;
export type QueueConfig = NonNullable<GroupConfig["queue"]>;
export type DiscoveryConfig = DiscoveryEntry;

/** Where clients go that meet all conditions; a condition that is undefined is met by every client. */
export interface RouteConfig extends Omit<z.output<typeof route>, "tls" | "upstream"> {
  /** In place of that of the service; false passes TLS through. */
  readonly tls: TlsConfig | false | undefined;
  readonly upstream: GroupConfig;
}

/** Where copies of the bytes of clients go. */
export interface MirrorConfig extends Omit<z.output<typeof mirror>, "upstream"> {
  readonly upstream: GroupConfig;
}

/** What a service can set for itself, and `defaults` for all services. */
export interface ServiceDefaults extends Omit<ConfigFile["defaults"], "halfCloseTimeout"> {
  readonly halfCloseTimeout: number;
}

/** A module whose default export is a {@linkcode FilterFactory}. */
export interface FilterModule {
  /** Absolute. */
  readonly path: string;
  /** Another number when the file has changed; 0 before it was looked at. */
  readonly version: number;
}

export interface ServiceConfig extends
  Omit<
    ServiceEntry,
    keyof ServiceDefaults | "tls" | "upstreamTls" | "routes" | "upstream" | "mirror" | "filters" | "faults"
  >,
  ServiceDefaults {
  readonly tls: TlsConfig | undefined;
  readonly upstreamTls: UpstreamTlsConfig | undefined;
  /** The first that matches decides. */
  readonly routes: readonly RouteConfig[];
  /** For clients that no route matches; without it, they are refused. */
  readonly upstream: GroupConfig | undefined;
  readonly mirror: MirrorConfig | undefined;
  /** In the order in which they act. */
  readonly faults: readonly FaultConfig[];
  /** Whether faults may reset its connections: they then use node:net, which can send a RST. */
  readonly faultsReset: boolean;
  /** In the order in which bytes pass them. */
  readonly filters: readonly FilterModule[];
  /** Only programs have such filters. */
  readonly filter?: FilterFactory;
}
