/** From any document to a complete configuration, or to everything that is wrong with it. */

import type { z } from "zod";
import { completeAdmin } from "./schema/admin_schema.ts";
import type { AccessLogConfig, Config, LimitsConfig, RouteConfig, ServiceConfig } from "./config.ts";
import { findConflicts } from "./rules/conflicts.ts";
import { type EnvironmentLookup, expandEnvironment } from "./input/environment.ts";
import { explainIssue } from "./input/explain.ts";
import { type PathResolver, pathResolver } from "./values/file_path.ts";
import { Groups } from "./rules/groups.ts";
import { Report } from "./input/report.ts";
import type { RouteEntry } from "./schema/route_schema.ts";
import {
  type ConfigFile,
  configFile,
  configFileFrame,
  service,
  type ServiceEntry,
} from "./schema/config_schema.ts";
import type { Spelling } from "./schema/spelling.ts";
import { atOnce, type Steps } from "./input/steps.ts";
import { completeTls, completeUpstreamTls } from "./schema/tls_schema.ts";

export interface DecodeOptions {
  /** Where `${NAME}` is looked up; without it, values are taken as they are. */
  readonly environment?: EnvironmentLookup;
  /** How keys are spelled in problems: `snake_case` unless told. */
  readonly spelling?: Spelling;
  /** The file the document is from, for the error. */
  readonly file?: string;
}

/**
 * Decodes a document that was read from a file or put together by a program.
 *
 * @throws {ConfigError} with every problem of the document.
 */
export function decodeConfig(document: unknown, options: DecodeOptions = {}): Config {
  return atOnce(decodingSteps(document, options));
}

/** The same as {@linkcode decodeConfig}, in steps of one service each. */
export function* decodingSteps(written: unknown, options: DecodeOptions): Steps<Config> {
  const document = withoutExtensions(written);
  const source = options.environment === undefined
    ? { document, sources: new Map<string, string>(), problems: [] }
    : yield* expandEnvironment(document, options.environment);
  const report = new Report(source, options.spelling ?? "snake_case");
  const parsed = yield* parseFile(source.document);
  for (const issue of parsed.issues) explainIssue(issue, report);
  yield* findConflicts(report);
  report.throwIfAny(options.file);
  // Without issues there is data; zod's result type cannot say so across the report.
  const file = parsed.file!;
  const pathOf = pathResolver(options.file);
  const groups = new Groups(file.upstreams);
  const services: ServiceConfig[] = [];
  for (const service of file.services) {
    services.push(completeService(service, file.defaults, groups, pathOf));
    yield;
  }
  const { workers, shutdown, reload, limits, admin } = file;
  return {
    workers,
    log: { ...file.log, access: completeAccessLog(file.log, pathOf) },
    shutdown,
    reload,
    limits,
    upstreams: groups.all,
    services,
    admin: admin && completeAdmin(admin),
  };
}

/** Omits top-level keys that begin with `x-`: they hold anchors, not settings. */
function withoutExtensions(document: unknown): unknown {
  if (typeof document !== "object" || document === null || Array.isArray(document)) return document;
  const entries = Object.entries(document);
  const kept = entries.filter(([key]) => !key.startsWith("x-"));
  return kept.length === entries.length ? document : Object.fromEntries(kept);
}

interface ParsedFile {
  /** Undefined when there are issues. */
  readonly file: ConfigFile | undefined;
  readonly issues: readonly z.core.$ZodIssue[];
}

/**
 * Without `jitless`, zod generates and compiles code for each mapping, which only pays off from the second
 * document on.
 */
const OPTIONS = { jitless: true };

/** Validates a whole file as its schema would, one service at a time. */
function* parseFile(document: unknown): Steps<ParsedFile> {
  const entries = (document as { services?: unknown } | null)?.services;
  if (!Array.isArray(entries) || entries.length === 0) {
    const { data, error } = configFile.safeParse(document, OPTIONS);
    return { file: data, issues: error?.issues ?? [] };
  }
  const frame = configFileFrame.safeParse(document, OPTIONS);
  const issues = [...frame.error?.issues ?? []];
  const services: ServiceEntry[] = [];
  for (const [index, entry] of entries.entries()) {
    const { data, error } = service.safeParse(entry, OPTIONS);
    if (data !== undefined) services.push(data);
    for (const issue of error?.issues ?? []) {
      issues.push({ ...issue, path: ["services", index, ...issue.path] });
    }
    yield;
  }
  return { file: frame.data && { ...frame.data, services }, issues };
}

function completeAccessLog({ access, format }: ConfigFile["log"], pathOf: PathResolver): AccessLogConfig {
  const { path, sample } = access;
  return { path: path && pathOf(path), format: access.format ?? format, sample };
}

function completeService(
  service: ServiceEntry,
  defaults: ConfigFile["defaults"],
  groups: Groups,
  pathOf: PathResolver,
): ServiceConfig {
  const { name, routes = [], upstream } = service;
  const idleTimeout = service.idle_timeout ?? defaults.idle_timeout;
  return {
    name,
    listen: service.listen,
    unixMode: service.unix_mode,
    acceptProxyProtocol: service.accept_proxy_protocol,
    sendProxyProtocol: service.send_proxy_protocol,
    allow: service.allow ?? defaults.allow,
    deny: service.deny ?? defaults.deny,
    limits: completeLimits(service.limits),
    tls: service.tls && completeTls(service.tls, pathOf),
    upstreamTls: service.upstream_tls && completeUpstreamTls(service.upstream_tls, pathOf),
    sourceAddress: service.source_address,
    peek: { timeout: service.peek.timeout, maxBytes: service.peek.max_bytes },
    routes: routes.map((route, index) => completeRoute(route, groups, `${name}.routes[${index}]`)),
    upstream: upstream && groups.groupOf(upstream, `${name}.upstream`),
    connectTimeout: service.connect_timeout ?? defaults.connect_timeout,
    idleTimeout,
    halfCloseTimeout: service.half_close_timeout ?? defaults.half_close_timeout ?? idleTimeout,
    bufferSize: service.buffer_size ?? defaults.buffer_size,
    nodelay: service.nodelay ?? defaults.nodelay,
    keepalive: service.keepalive ?? defaults.keepalive,
    reset: service.reset ?? defaults.reset,
  };
}

function completeLimits(limits: ServiceEntry["limits"]): LimitsConfig {
  return {
    connections: limits.connections,
    connectionsPerClient: limits.connections_per_client,
    connectsPerSecond: limits.connects_per_second,
    connectsPerSecondPerClient: limits.connects_per_second_per_client,
    upload: limits.upload,
    download: limits.download,
    whenFull: limits.when_full,
    lifetime: limits.lifetime,
  };
}

function completeRoute(route: RouteEntry, groups: Groups, place: string): RouteConfig {
  return {
    sourcePorts: route.source_port,
    sourceAddresses: route.source_ip,
    listenPorts: route.listen_port,
    serverNames: route.sni,
    alpn: route.alpn,
    upstream: groups.groupOf(route.upstream, place),
  };
}
