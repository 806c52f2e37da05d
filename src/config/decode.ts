/** From any document to a complete configuration, or to everything that is wrong with it. */

import type { z } from "zod";
import type { Config, ServiceConfig, ServiceDefaults } from "./config.ts";
import { findConflicts } from "./rules/conflicts.ts";
import { type EnvironmentLookup, expandEnvironment } from "./input/environment.ts";
import { explainIssue } from "./input/explain.ts";
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
import { JITLESS, type Spelling } from "./schema/section.ts";
import { atOnce, type Steps } from "./input/steps.ts";
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
  const { defaults: _, ...settings } = file;
  return {
    ...settings,
    log: completeLog(file.log, pathOf),
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

interface ParsedFile {
  /** Undefined when there are issues. */
  readonly file: ConfigFile | undefined;
  readonly issues: readonly z.core.$ZodIssue[];
}

/** Validates a whole file as its schema would, one service at a time. */
function* parseFile(document: unknown): Steps<ParsedFile> {
  const entries = (document as { services?: unknown } | null)?.services;
  if (!Array.isArray(entries) || entries.length === 0) {
    const { data, error } = configFile.safeParse(document, JITLESS);
    return { file: data, issues: error?.issues ?? [] };
  }
  const frame = configFileFrame.safeParse(document, JITLESS);
  const issues = [...frame.error?.issues ?? []];
  const services: ServiceEntry[] = [];
  for (const [index, entry] of entries.entries()) {
    const { data, error } = service.safeParse(entry, JITLESS);
    if (data !== undefined) services.push(data);
    for (const issue of error?.issues ?? []) {
      issues.push({ ...issue, path: ["services", index, ...issue.path] });
    }
    yield;
  }
  return { file: frame.data && { ...frame.data, services }, issues };
}

function completeLog({ access, ...log }: ConfigFile["log"], pathOf: PathResolver): Config["log"] {
  const { path, format = log.format, sample } = access;
  return { ...log, access: { path: path && pathOf(path), format, sample } };
}

function completeService(
  service: ServiceEntry,
  defaults: ConfigFile["defaults"],
  groups: Groups,
  pathOf: PathResolver,
): ServiceConfig {
  const { name, tls, upstreamTls, routes = [], upstream } = service;
  const shared = Object.entries(defaults).map((
    [key, value],
  ) => [key, service[key as keyof ServiceDefaults] ?? value]);
  const settings = Object.fromEntries(shared) as ConfigFile["defaults"];
  return {
    ...service,
    ...settings,
    halfCloseTimeout: settings.halfCloseTimeout ?? settings.idleTimeout,
    tls: tls && completeTls(tls, pathOf),
    upstreamTls: upstreamTls && completeUpstreamTls(upstreamTls, pathOf),
    routes: routes.map((route, index) => ({
      ...route,
      upstream: groups.groupOf(route.upstream, `${name}.routes[${index}]`),
    })),
    upstream: upstream && groups.groupOf(upstream, `${name}.upstream`),
  };
}
