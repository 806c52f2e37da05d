/** Where a configuration comes from, and the watch that reloads it when its file changes. */

import type { Config } from "../../config/config.ts";
import { ConfigError, type Problem } from "../../config/config_error.ts";
import type { Room } from "../control/shared_memory.ts";
import { watchFiles } from "./watch_files.ts";

export interface ConfigSource {
  /** The file, or the name of another source. */
  readonly path: string;
  /** Undefined if it can be read only once, as a pipe. @throws {ConfigError} with every problem. */
  readonly load: (() => Promise<Config>) | undefined;
  /** Why the proxy is not ready at first. The caller of `runProxy` removes it from `notReady`. */
  readonly awaits?: readonly string[];
  /** Room for groups and endpoints that it brings later. */
  readonly room?: Room;
  /** The same error with the positions of its problems in the file. */
  readonly locate: (error: ConfigError) => Promise<ConfigError>;
}

/** The configuration that an error names. */
export type Refused = Pick<ConfigSource, "path" | "locate">;

/** The error for problems of a configuration: with their positions, if it has a source. */
export async function refusal(problems: readonly Problem[], source?: Refused): Promise<ConfigError> {
  const error = new ConfigError(problems, { file: source?.path });
  return await source?.locate(error) ?? error;
}

/** Returns a function that watches the file from then on, or no longer. */
export function configWatch(
  path: string,
  onChange: () => Promise<unknown>,
): (isWanted: boolean) => Promise<void> {
  let stop: AbortController | undefined;
  return async (isWanted) => {
    if (isWanted === (stop !== undefined)) return;
    stop?.abort();
    stop = isWanted ? new AbortController() : undefined;
    if (stop === undefined) return;
    await watchFiles([path], {
      signal: stop.signal,
      // Without await: the reload may end this watch.
      onChange: () => void onChange(),
    });
  };
}
