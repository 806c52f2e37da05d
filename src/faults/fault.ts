/**
 * The interface of a kind of fault. Each kind has a file of its own and a line in `registry.ts`, from which the
 * configuration, the library, the API, the page and the documentation take its parameters.
 */

/** A parameter of a fault: its unit, its default and its meaning. A parameter without a default is required. */
export type Parameter =
  /** In milliseconds. */
  | ParameterOf<"duration", number>
  /** In bytes. */
  | ParameterOf<"size", number>
  /** In bytes per second. */
  | ParameterOf<"bandwidth", number>
  /** From 0 to 1. */
  | ParameterOf<"share", number>
  /** A whole number, 1 or more. */
  | ParameterOf<"count", number>
  /** Text, or bytes such as `hex:0d0a`. */
  | ParameterOf<"bytes", Uint8Array>
  | ParameterOf<"choice", string> & { readonly choices: readonly string[] };

interface ParameterOf<Kind, Value> {
  readonly kind: Kind;
  readonly default?: Value;
  /** For the reference, `--help` and the page. */
  readonly description: string;
}

/** The parameters of a kind, by their names in a program; a configuration file has them in snake_case. */
export type Parameters = Readonly<Record<string, Parameter>>;

type ValueOf<Declared extends Parameter> = Declared extends { choices: readonly (infer Choice)[] } ? Choice
  : Declared extends { kind: "bytes" } ? Uint8Array
  : number;

/** The values of parameters. */
export type Values<Declared extends Parameters> = {
  readonly [Name in keyof Declared]: ValueOf<Declared[Name]>;
};

/** A direction of a connection: the client's bytes, or the upstream's. */
export type Way = "upload" | "download";

/** What a fault can do on a connection, from when it begins to act until it ends. */
export interface FaultContext {
  /**
   * Aborts when the fault stops acting on the connection: it was removed, its time is over, or the connection ended.
   */
  readonly signal: AbortSignal;
  /** From 0 to below 1: the same numbers for the same seed, service, fault, connection and direction. */
  random(): number;
  /** In milliseconds, since any fixed time. */
  now(): number;
  /** Resolves after `milliseconds`, or as soon as the signal aborts; with `Infinity`, only then. */
  sleep(milliseconds: number): Promise<void>;
  /** Closes the connection; bytes that were passed on are still delivered. */
  close(): void;
  /** Resets both sides (RST). */
  reset(): void;
}

/** Takes the bytes that a fault lets pass. */
export interface Output {
  enqueue(chunk: Uint8Array): void;
  /** Ends the direction as if the sender had finished (FIN). */
  terminate(): void;
}

/**
 * A fault in one direction of one connection. Each chunk has a buffer of its own, which the fault may keep and change.
 * A fault holds back a limited number of bytes, and passes them on at once when the signal aborts.
 */
export interface ByteFault {
  /** Called when it begins to act. */
  start?(output: Output): void;
  /** The next chunk follows when this has resolved. */
  transform(chunk: Uint8Array, output: Output): void | Promise<void>;
  /**
   * Called when the sender has finished, or when the fault stops acting; then the signal has aborted. Resolves when it
   * has passed on what it held back. The end of the direction, or the bytes after the fault, follow.
   */
  flush?(output: Output): void | Promise<void>;
}

/** A kind of fault, as the registry lists it. It has at least one of `bytes`, `accept`, `connect` and `isDown`. */
export interface FaultKind<Declared extends Parameters = Parameters> {
  /** A sentence without a subject: "Delays what passes.". */
  readonly summary: string;
  readonly parameters: Declared;
  /** The direction when none is given. */
  readonly direction: Way | "both";
  /** The largest read while it is in a direction, in bytes. */
  largestChunk?(values: Values<Declared>): number;
  /** Makes a fault that acts on bytes. Called for each of its directions when it begins to act there. */
  bytes?(values: Values<Declared>, context: FaultContext): ByteFault;
  /** Acts on a client that was accepted, before anything else. */
  accept?(values: Values<Declared>, context: FaultContext): void | Promise<void>;
  /** Acts before the connection to the upstream. */
  connect?(values: Values<Declared>, context: FaultContext): void | Promise<void>;
  /** While a service has such a fault, it does not listen and has no connections. */
  readonly isDown?: true;
}

/** Checks the types of a kind against its parameters. */
export function faultKind<const Declared extends Parameters>(kind: FaultKind<Declared>): FaultKind<Declared> {
  return kind;
}
