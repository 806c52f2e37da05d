/** The configuration as the rest of the program sees it: complete, readonly, in plain units. */

import type { Address } from "../net/address.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFormat = "text" | "json";

export interface Config {
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
  /** `drain`: how long a stop waits for open connections, in milliseconds. */
  readonly shutdown: { readonly drain: number };
  readonly services: readonly ServiceConfig[];
}

/** What happens on the other side when one side's connection is reset. */
export type ResetPolicy = "close" | "pass";

export interface ServiceConfig {
  readonly name: string;
  readonly listen: readonly Address[];
  /** Mode bits of unix socket files, or undefined to leave them to the umask. */
  readonly unixMode: number | undefined;
  readonly upstream: Address;
  /** Milliseconds for one dial, DNS included; 0 is no limit. */
  readonly connectTimeout: number;
  /** Milliseconds without a byte from either side; 0 is no limit. */
  readonly idleTimeout: number;
  /** Milliseconds without a byte after one side has finished sending; 0 is no limit. */
  readonly halfCloseTimeout: number;
  /** Largest relay buffer, in bytes. */
  readonly bufferSize: number;
  readonly nodelay: boolean;
  /** `true`: the kernel's own times; a number: probe after that many milliseconds of silence. */
  readonly keepalive: boolean | number;
  readonly reset: ResetPolicy;
}
