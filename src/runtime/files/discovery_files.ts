/** The files that sources of endpoints read: checked at the start, and read again when they change. */

import type { Config, DiscoveryConfig } from "../../config/config.ts";
import type { Problem } from "../../config/config_error.ts";
import { formatPath } from "../../config/input/key_path.ts";
import type { DiscoveredEndpoint } from "../../upstream/discovery/source.ts";
import {
  realSourceParts,
  type SourceFiles,
  type SourceParts,
} from "../../upstream/discovery/source_parts.ts";
import { type ConfigSource, refusal, type Refused } from "./config_source.ts";
import { readEndpointFile } from "./endpoint_file.ts";
import { ListFileError, readListFile } from "./list_file.ts";
import { watchFiles } from "./watch_files.ts";

/** A file that a source reads, and where a configuration names it. */
interface Reference extends Pick<Problem, "path"> {
  readonly file: string;
  /** Endpoints are parsed; of anything else it only matters that it can be read. */
  readonly has: "endpoints" | "text";
}

/** How many endpoints each file has. */
export type EndpointCounts = ReadonlyMap<string, number>;

/**
 * Reads the files of all sources.
 *
 * @param known Files in use, which are not read again: a broken one keeps its endpoints.
 * @throws {ConfigError} with every problem.
 */
export async function checkDiscoveryFiles(
  config: Config,
  known: ReadonlySet<string> = new Set(),
  source?: Refused,
): Promise<EndpointCounts> {
  const problems: Problem[] = [];
  const counts = new Map<string, number>();
  for (const { path, file, has } of discoveryReferences(config)) {
    if (known.has(file) || counts.has(file)) continue;
    try {
      if (has === "endpoints") counts.set(file, (await readEndpointFile(file)).length);
      else await readListFile(file);
    } catch (error) {
      if (!(error instanceof ListFileError)) throw error;
      for (const message of error.problems) problems.push({ path, message });
    }
  }
  if (problems.length > 0) throw await refusal(problems, source);
  return counts;
}

/** Every file that a source of a configuration reads. */
function* discoveryReferences(config: Config): Generator<Reference> {
  for (const { path, discovery } of discoveries(config)) {
    const at = (...keys: string[]) => formatPath([...path, ...keys]);
    const { file, consul, kubernetes } = discovery;
    if (file !== undefined) yield { path: at("file"), file, has: "endpoints" };
    for (const [source, options] of Object.entries({ consul, kubernetes })) {
      // Without those of a pod's service account, which need not exist where a configuration is checked.
      const { tokenFile, ca } = options ?? {};
      if (tokenFile !== undefined) yield { path: at(source, "token_file"), file: tokenFile, has: "text" };
      if (ca !== undefined) yield { path: at(source, "ca"), file: ca, has: "text" };
    }
  }
}

/** The `discovery` of each group once, with its path. */
export function* discoveries(
  { upstreams, services }: Config,
): Generator<{ readonly path: readonly PropertyKey[]; readonly discovery: DiscoveryConfig }> {
  for (const { name, writtenAs, discovery } of upstreams) {
    if (writtenAs === "name" && discovery !== undefined) {
      yield { path: ["upstreams", name, "discovery"], discovery };
    }
  }
  for (const [index, { upstream, routes, mirror }] of services.entries()) {
    const users = [
      { path: ["upstream"], group: upstream },
      ...routes.map((route, place) => ({ path: ["routes", place, "upstream"], group: route.upstream })),
      { path: ["mirror", "upstream"], group: mirror?.upstream },
    ];
    for (const { path, group } of users) {
      if (group?.writtenAs !== "group" || group.discovery === undefined) continue;
      yield { path: ["services", index, ...path, "discovery"], discovery: group.discovery };
    }
  }
}

/** The files of the sources of a running proxy. */
export class DiscoveryFiles implements SourceFiles {
  /** What sources use: these files, and real time, chance and HTTP. */
  readonly parts: SourceParts = realSourceParts(this);
  /** What reads the files in use. */
  readonly #watches = new Map<() => Promise<void>, readonly string[]>();
  /** Why the endpoints of a file stay as they were. */
  readonly #problems = new Map<string, string>();

  /** Checks the files of a configuration that are not in use. @throws {ConfigError} with every problem. */
  async check(config: Config, source?: ConfigSource): Promise<void> {
    await checkDiscoveryFiles(config, new Set([...this.#watches.values()].flat()), source);
  }

  read(path: string): Promise<Uint8Array<ArrayBuffer>> {
    return readListFile(path);
  }

  async endpoints(path: string): Promise<readonly DiscoveredEndpoint[]> {
    this.#problems.delete(path);
    try {
      return await readEndpointFile(path);
    } catch (error) {
      if (error instanceof ListFileError) this.#problems.set(path, error.message);
      throw error;
    }
  }

  async watch(paths: readonly string[], onChange: () => Promise<void>, signal: AbortSignal): Promise<void> {
    // One after the other: an older content must not replace a newer one.
    let last = Promise.resolve();
    const read = () => last = last.then(onChange);
    const { ended } = await watchFiles(paths, { signal, onChange: read });
    this.#watches.set(read, paths);
    try {
      await read();
      await ended;
      await last;
    } finally {
      this.#watches.delete(read);
    }
  }

  /** Reads every file in use again. Returns why endpoints stay as they were. */
  async reload(): Promise<string[]> {
    const watches = [...this.#watches];
    await Promise.all(watches.map(([read]) => read()));
    const files = new Set(watches.flatMap(([, paths]) => paths));
    return [...files].flatMap((file) => {
      const problem = this.#problems.get(file);
      return problem === undefined ? [] : [`Keeping the endpoints in use. ${problem}`];
    });
  }
}
