/** From any document to a complete configuration, or to everything that is wrong with it. */

import type { Config, ServiceConfig, ServiceDefaults } from "./config.ts";
import { findConflicts } from "./rules/conflicts.ts";
import { type EnvironmentLookup, expandEnvironment } from "./input/environment.ts";
import { parseAt } from "./input/explain.ts";
import { nameFaults } from "./schema/fault_schema.ts";
import { type PathResolver, pathResolver } from "./values/file_path.ts";
import { Groups } from "./rules/groups.ts";
import { Report } from "./input/report.ts";
import {
  type ConfigFile,
  configFile,
  configFileFrame,
  service,
  type ServiceEntry,
} from "./schema/config_schema.ts";
import { group, type GroupEntry, isMapping } from "./schema/group_schema.ts";
import { completeList } from "./schema/list_file.ts";
import { route } from "./schema/route_schema.ts";
import type { Spelling } from "./schema/section.ts";
import { atOnce, mapInSteps, type Steps, stepThrough } from "./input/steps.ts";
import { completeTls, completeUpstreamTls } from "./schema/tls_schema.ts";

export interface DecodeOptions {
  /** Where `${NAME}` is looked up; without it, values are taken as they are. */
  readonly environment?: EnvironmentLookup;
  /** How keys are spelled in problems: `snake_case` by default. */
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

/** The same as {@linkcode decodeConfig}, in steps of one service, route or group each. */
export function* decodingSteps(written: unknown, options: DecodeOptions = {}): Steps<Config> {
  const document = withoutExtensions(written);
  const source = options.environment === undefined
    ? { document, sources: new Map<string, string>(), problems: [] }
    : yield* expandEnvironment(document, options.environment);
  const report = new Report(source, options.spelling ?? "snake_case");
  const parsed = yield* parseFile(source.document, report);
  yield* findConflicts(report);
  report.throwIfAny(options.file);
  const file = parsed!; // with anything wrong, the report has thrown
  const pathOf = pathResolver(options.file);
  const groups = yield* Groups.of(file.upstreams, pathOf);
  const services: ServiceConfig[] = [];
  for (const service of file.services) {
    services.push(yield* completeService(service, file, groups, pathOf));
    yield;
  }
  const { defaults: _, faults: _f, ...settings } = file;
  return {
    ...settings,
    log: completeLog(file.log, pathOf),
    faultsEnabled: offersFaults(file),
    upstreams: groups.all,
    services,
    warnings: report.warnings,
  };
}

/** Omits top-level keys that begin with `x-`: they hold anchors, not settings. */
function withoutExtensions(document: unknown): unknown {
  if (typeof document !== "object" || document === null || Array.isArray(document)) return document;
  const entries = Object.entries(document);
  const kept = entries.filter(([key]) => !key.startsWith("x-"));
  return kept.length === entries.length ? document : Object.fromEntries(kept);
}

/**
 * Validates a whole file as its schema would, one service, route or group at a time. What is invalid is missing in the
 * result.
 */
function* parseFile(document: unknown, report: Report): Steps<ConfigFile | undefined> {
  const { services: entries, upstreams } = (document ?? {}) as { services?: unknown; upstreams?: unknown };
  if (!Array.isArray(entries) || entries.length === 0) return parseAt([], document, configFile, report);
  const named = isMapping(upstreams) ? Object.entries(upstreams) : [];
  const rest = named.length === 0 ? document : { ...document as object, upstreams: {} };
  const frame = parseAt([], rest, configFileFrame, report);
  const groups = new Map<string, GroupEntry>();
  yield* stepThrough(named, ([name, entry]) => {
    const parsed = parseAt(["upstreams", name], entry, group, report);
    if (parsed !== undefined) groups.set(name, parsed);
  });
  const services: ServiceEntry[] = [];
  for (const [index, entry] of entries.entries()) {
    const parsed = yield* parseService(["services", index], entry, report);
    if (parsed !== undefined) services.push(parsed);
    yield;
  }
  return frame && { ...frame, upstreams: groups, services };
}

function* parseService(path: PropertyKey[], entry: unknown, report: Report): Steps<ServiceEntry | undefined> {
  const { routes: entries } = (entry ?? {}) as { routes?: unknown };
  if (!Array.isArray(entries) || entries.length === 0) return parseAt(path, entry, service, report);
  const rest = parseAt(path, { ...entry as object, routes: undefined }, service, report);
  const routes = yield* mapInSteps(
    entries,
    (each, index) => parseAt([...path, "routes", index], each, route, report),
  );
  return rest && { ...rest, routes: routes.filter((each) => each !== undefined) };
}

/** Whether a service can use nothing but Deno's own sockets. Faults that are added later cannot send a RST there. */
function needsDeno({ limits, tls }: ServiceEntry): boolean {
  return limits.whenFull === "wait" || tls?.engine === "deno" || tls?.seamless === false;
}

function completeLog({ access, ...log }: ConfigFile["log"], pathOf: PathResolver): Config["log"] {
  const { path, format = log.format } = access;
  return { ...log, access: { ...access, path: path && pathOf(path), format } };
}

/** Clients of toxiproxy add faults. */
function offersFaults({ faults, admin }: ConfigFile): boolean {
  return faults || admin?.toxiproxy !== undefined;
}

function* completeService(
  service: ServiceEntry,
  file: ConfigFile,
  groups: Groups,
  pathOf: PathResolver,
): Steps<ServiceConfig> {
  const { name, acceptProxyProtocol, tls, upstreamTls, routes = [], upstream, mirror } = service;
  const faults = nameFaults(service.faults ?? []);
  const shared = Object.entries(file.defaults).map((
    [key, value],
  ) => [key, service[key as keyof ServiceDefaults] ?? value]);
  const settings = Object.fromEntries(shared) as ConfigFile["defaults"];
  return {
    ...service,
    ...settings,
    allow: completeList(settings.allow, pathOf),
    deny: completeList(settings.deny, pathOf),
    allowNames: service.allowNames && completeList(service.allowNames, pathOf),
    acceptProxyProtocol: acceptProxyProtocol &&
      { ...acceptProxyProtocol, from: completeList(acceptProxyProtocol.from, pathOf) },
    halfCloseTimeout: settings.halfCloseTimeout ?? settings.idleTimeout,
    tls: tls && completeTls(tls, pathOf),
    upstreamTls: upstreamTls && completeUpstreamTls(upstreamTls, pathOf),
    routes: yield* mapInSteps(routes, (route, index) => ({
      ...route,
      sourceIp: route.sourceIp && completeList(route.sourceIp, pathOf),
      sni: route.sni && completeList(route.sni, pathOf),
      tls: route.tls && completeTls(route.tls, pathOf),
      upstream: groups.groupOf(route.upstream, `${name}.routes[${index}]`),
    })),
    upstream: upstream && groups.groupOf(upstream, `${name}.upstream`),
    mirror: mirror && { ...mirror, upstream: groups.groupOf(mirror.upstream, `${name}.mirror`) },
    filters: (service.filters ?? []).map((path) => ({ path: pathOf(path), version: 0 })),
    faults,
    faultsReset: faults.length > 0 || offersFaults(file) && !needsDeno(service),
  };
}
