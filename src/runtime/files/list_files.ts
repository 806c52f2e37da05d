/** The files with entries of access lists and routes: read at the start, and again when they change. */

import type { Config, ListEntry } from "../../config/config.ts";
import type { Problem } from "../../config/config_error.ts";
import type { Log } from "../../observe/log/log.ts";
import type { ListFigures } from "../../observe/metrics/metrics.ts";
import { type ListContents, listKey, type ListKind } from "../../proxy/file_lists.ts";
import { type ConfigSource, refusal, type Refused } from "./config_source.ts";
import { type ListFileEntries, ListFileError, parseListFile, readListFile } from "./list_file.ts";
import { FileWatch } from "./watch_files.ts";

/** A file, and where a configuration names it first. */
interface Reference extends Pick<Problem, "path" | "otherwise"> {
  readonly kind: ListKind;
  readonly file: string;
}

/** The files of a configuration, by {@linkcode listKey}. */
export type LoadedLists = ReadonlyMap<string, ListFile>;

/**
 * Reads the lists of a configuration.
 *
 * @param known The lists in use, which are not read again.
 * @param source The configuration, for the error.
 * @throws {ConfigError} with every problem.
 */
export async function loadLists(
  config: Config,
  known: LoadedLists = new Map(),
  source?: Refused,
): Promise<LoadedLists> {
  const problems: Problem[] = [];
  const loaded = new Map<string, ListFile>();
  for (const { kind, file, ...place } of listReferences(config)) {
    const key = listKey(kind, file);
    if (loaded.has(key)) continue;
    const list = known.get(key) ?? new ListFile(kind, file);
    loaded.set(key, list);
    if (list.isRead) continue;
    for (const message of await list.read()) problems.push({ ...place, message });
  }
  if (problems.length > 0) throw await refusal(problems, source);
  return loaded;
}

/** One file, as it was last read. */
class ListFile {
  readonly kind: ListKind;
  readonly path: string;
  /** Of the last bytes that could be used. */
  #digest = "";
  #content: ListFileEntries | undefined;
  #version = 0;
  /** What is wrong with the file now. */
  #problems: readonly string[] = [];

  constructor(kind: ListKind, path: string) {
    this.kind = kind;
    this.path = path;
  }

  get isRead(): boolean {
    return this.#content !== undefined;
  }

  get content() {
    return { version: this.#version, entries: this.#content!.entries };
  }

  get figures(): ListFigures {
    const { kind, path } = this;
    return { kind, path, entries: this.#content?.count ?? 0, isStale: this.#problems.length > 0 };
  }

  /** Reads the file. If it cannot be used, returns why, and the entries stay as they were. */
  async read(): Promise<readonly string[]> {
    try {
      const bytes = await readListFile(this.path);
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
      if (digest !== this.#digest) {
        this.#content = await parseListFile(this.kind, this.path, bytes);
        this.#digest = digest;
        this.#version += 1;
      }
      this.#problems = [];
    } catch (error) {
      if (!(error instanceof ListFileError)) throw error;
      this.#problems = error.problems;
    }
    return this.#problems;
  }
}

export interface ListFilesOptions {
  readonly log: Log;
  /** Uses lists that have changed. */
  readonly onChange: (contents: ListContents) => void;
}

/** The lists of a running proxy. */
export class ListFiles {
  readonly #options: ListFilesOptions;
  readonly #watch: FileWatch;
  #loaded: LoadedLists = new Map();
  /** One reload after the other: an older content must not replace a newer one. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ListFilesOptions) {
    this.#options = options;
    this.#watch = new FileWatch({ onChange: async () => void await this.reload() });
  }

  /**
   * Reads the new lists of a configuration; {@linkcode use} must follow.
   *
   * @param source The configuration, for the error.
   * @throws {ConfigError} with every problem.
   */
  load(config: Config, source?: ConfigSource): Promise<LoadedLists> {
    return loadLists(config, this.#loaded, source);
  }

  /** Uses these from now on; {@linkcode watch} must follow. */
  use(loaded: LoadedLists): void {
    this.#loaded = loaded;
  }

  /** Rereads the files whenever they change, until {@linkcode stop}. */
  watch(): Promise<void> {
    return this.#watch.over(this.#loaded.values().map(({ path }) => path));
  }

  get contents(): ListContents {
    return new Map(this.#loaded.entries().map(([key, list]) => [key, list.content]));
  }

  get figures(): ListFigures[] {
    return this.#loaded.values().map(({ figures }) => figures).toArray();
  }

  /** Reads every file again. Returns why entries stay as they were. */
  reload(): Promise<string[]> {
    const reloaded = this.#last.then(() => this.#reload());
    this.#last = reloaded.catch(() => {});
    return reloaded;
  }

  async #reload(): Promise<string[]> {
    const { log, onChange } = this.#options;
    const rejected: string[] = [];
    for (const [key, list] of this.#loaded) {
      const before = { ...list.figures, version: list.content.version };
      const problems = await list.read();
      // A reload may have replaced the lists meanwhile.
      if (this.#loaded.get(key) !== list) continue;
      const { path, entries, isStale } = list.figures;
      if (isStale) {
        const problem = `Keeping the entries in use. ${problems.join("; ")}`;
        rejected.push(problem);
        // Once, however often it is read until it is mended.
        if (!before.isStale) log.error(problem, { event: "list_rejected", file: path });
      } else if (before.version !== list.content.version || before.isStale) {
        onChange(new Map([[key, list.content]]));
        log.info(`"${path}": new entries are in use`, { event: "list_reloaded", file: path, entries });
      }
    }
    return rejected;
  }

  stop(): Promise<void> {
    return this.#watch.stop();
  }
}

/** Every file that a configuration names, each time that it does. */
export function* listReferences({ services }: Config): Generator<Reference> {
  for (const [index, { allow, deny, allowNames, acceptProxyProtocol, routes }] of services.entries()) {
    const service = `services[${index}]`;
    yield* filesOf("addresses", allow, `${service}.allow`, "defaults.allow");
    yield* filesOf("addresses", deny, `${service}.deny`, "defaults.deny");
    yield* filesOf("names", allowNames, `${service}.allow_names`);
    yield* filesOf("addresses", acceptProxyProtocol?.from, `${service}.accept_proxy_protocol.from`);
    for (const [position, { sourceIp, sni }] of routes.entries()) {
      yield* filesOf("addresses", sourceIp, `${service}.routes[${position}].source_ip`);
      yield* filesOf("names", sni, `${service}.routes[${position}].sni`);
    }
  }
}

/** @param shared Where the list is if the service has none of its own. */
function* filesOf(
  kind: ListKind,
  entries: readonly ListEntry[] | undefined,
  path: string,
  shared?: string,
): Generator<Reference> {
  for (const [index, entry] of entries?.entries() ?? []) {
    if (typeof entry === "string") continue;
    const otherwise = shared === undefined ? {} : { otherwise: `${shared}[${index}].file` };
    yield { kind, file: entry.file, path: `${path}[${index}].file`, ...otherwise };
  }
}
