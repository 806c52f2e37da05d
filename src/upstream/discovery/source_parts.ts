/** What sources of endpoints depend on: time, chance, HTTP and files. Tests replace them. */

import { type HttpClient, type HttpClientOptions, openHttpClient } from "../../net/http_client.ts";
import { sleep } from "../../net/timers/sleep.ts";
import type { Resolver } from "./dns/resolver.ts";
import type { DiscoveredEndpoint } from "./source.ts";

/** The files that sources read. */
export interface SourceFiles {
  /** The bytes of a file. @throws what says in words why it cannot be read */
  read(path: string): Promise<Uint8Array<ArrayBuffer>>;
  /** The endpoints in a file. @throws what names the wrong line */
  endpoints(path: string): Promise<readonly DiscoveredEndpoint[]>;
  /**
   * Calls `onChange` at once, when the contents of a file have changed, however it is replaced, and when a reload asks
   * for it; never twice at a time. `onChange` must not reject. Resolves once the signal has aborted and nothing runs
   * any more.
   */
  watch(paths: readonly string[], onChange: () => Promise<void>, signal: AbortSignal): Promise<void>;
}

export interface SourceParts {
  /** Milliseconds of a monotonic clock. */
  now(): number;
  /** Resolves after this many milliseconds, or when `signal` aborts. */
  wait(milliseconds: number, signal: AbortSignal): Promise<void>;
  /** From 0 to 1. */
  random(): number;
  /** Disposing of the client closes its connections. */
  http(options: HttpClientOptions): HttpClient;
  readonly files: SourceFiles;
  /** Undefined for the name server of the configuration. */
  readonly resolver?: Resolver;
}

/** Real time, chance and HTTP. */
export function realSourceParts(files: SourceFiles): SourceParts {
  return {
    now: () => performance.now(),
    wait: sleep,
    random: Math.random,
    http: openHttpClient,
    files,
  };
}

/**
 * How long to wait after failures in a row, in milliseconds: a second after the first, twice as long after each
 * further one, half a minute at most. It varies by a quarter either way, so that proxies do not all come back at the
 * same time.
 *
 * @param failures From 1.
 */
export function backOff(failures: number, random: () => number): number {
  const base = Math.min(FIRST_WAIT * 2 ** (failures - 1), LONGEST_WAIT);
  return base * (1 + JITTER * (2 * random() - 1));
}

const FIRST_WAIT = 1000;
const LONGEST_WAIT = 30_000;
const JITTER = 0.25;
