/** The modules of filters that a configuration names: imported in each thread, and again once they have changed. */

import { pathToFileURL } from "node:url";
import type { Config, FilterModule, ServiceConfig } from "../../config/config.ts";
import type { Problem } from "../../config/config_error.ts";
import type { FilterFactory } from "../../config/filter.ts";
import { readFault } from "../../files/file_fault.ts";
import { refusal, type Refused } from "./config_source.ts";
import { messageOf } from "../../observe/log/error_text.ts";

/**
 * The configuration with the versions of its modules, all of which can be imported.
 *
 * @throws {ConfigError} with every one that cannot.
 */
export async function withFilterModules(config: Config, source?: Refused): Promise<Config> {
  if (config.services.every(({ filters }) => filters.length === 0)) return config;
  const problems: Problem[] = [];
  const services = await Promise.all(config.services.map(async (service, index) => {
    const filters = await Promise.all(service.filters.map(async ({ path }, position) => {
      const problem = (message: string) =>
        problems.push({
          path: `services[${index}].filters[${position}]`,
          message: `Cannot import "${path}": ${message}`,
        });
      return await versionOf(path, problem);
    }));
    return { ...service, filters: filters.filter((filter) => filter !== undefined) };
  }));
  if (problems.length > 0) throw await refusal(problems, source);
  return { ...config, services };
}

type Configured = { readonly config: Pick<ServiceConfig, "name" | "filter" | "filters"> };

export function haveFilters(services: readonly Configured[]): boolean {
  return services.some(({ config: { filter, filters } }) => filter !== undefined || filters.length > 0);
}

/** The filters of all services, by name. */
export async function importFilters(
  services: readonly Configured[],
): Promise<Map<string, readonly FilterFactory[]>> {
  return new Map(
    await Promise.all(services.map(async ({ config }) => [config.name, await filtersOf(config)] as const)),
  );
}

/** In the order in which bytes pass them: those of modules, then that of a program. */
async function filtersOf({ filter, filters }: Configured["config"]): Promise<readonly FilterFactory[]> {
  const imported = await Promise.all(filters.map(importFilter));
  return filter === undefined ? imported : [...imported, filter];
}

async function versionOf(
  path: string,
  onProblem: (message: string) => void,
): Promise<FilterModule | undefined> {
  if (Deno.build.standalone) {
    onProblem(
      "an executable has no modules but its own; run sluice with deno, or use faults such as replace, which need none",
    );
    return undefined;
  }
  const info = await Deno.stat(path).catch((error) => onProblem(readFault(error).fault));
  if (typeof info !== "object") return undefined;
  const module = { path, version: info.mtime?.getTime() ?? 0 };
  try {
    await importFilter(module);
    return module;
  } catch (error) {
    onProblem(importFault(error));
    return undefined;
  }
}

/** One line: an error of the compiler shows the line of the module too, and its URL with the version. */
function importFault(error: unknown): string {
  const message = messageOf(error);
  const [what = ""] = message.split("\n");
  const [, place] = /\?version=\d+:(\d+:\d+)/.exec(message) ?? [];
  return place === undefined ? what : `${what} (${place})`;
}

/** Modules are kept by their URLs: a changed file needs another one. */
async function importFilter({ path, version }: FilterModule): Promise<FilterFactory> {
  const { default: filter } = await import(`${pathToFileURL(path)}?version=${version}`);
  if (typeof filter === "function") return filter;
  throw new TypeError("its default export is not a function that makes a filter");
}
