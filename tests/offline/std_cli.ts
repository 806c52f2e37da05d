/**
 * Stands in for `@std/cli` where JSR cannot be reached: `parseArgs` over minimist, of which the real one is a
 * port. It declares only the options that sluice uses, so that code that type-checks with it also does with the real
 * package; tests/unit/std_packages_test.ts holds both to the same behaviour.
 *
 * Two cases differ and must be avoided: `--name -` and `--name ""`. minimist takes both as the value, the real package
 * takes neither. `-n -`, `--name=-` and `--name=` are the same in both.
 */

import minimist from "npm:minimist@1.2.8";

/** How to read the arguments. `collect` names a subset of `string`. */
export interface ParseOptions<B extends string, S extends string, C extends S, D, DD extends boolean> {
  /** Flags without a value; `false` when absent. */
  boolean?: readonly B[];
  /** Flags with a value that is never turned into a number. `_` does the same for the positional arguments. */
  string?: readonly S[];
  /** Flags that may be repeated: all their values, `[]` when absent. Of any other flag, the last value counts. */
  collect?: readonly C[];
  /** Flags that `--no-<name>` sets to `false`. */
  negatable?: readonly (B | S)[];
  alias?: Readonly<Record<string, string | readonly string[]>>;
  default?: D;
  /** Takes everything after the first positional argument as positional. */
  stopEarly?: boolean;
  /** Puts the arguments after `--` under this key instead of among the positional ones. */
  "--"?: DD;
  /** Called with each argument that no option declares, positional ones too; `false` drops the argument. */
  unknown?: (arg: string) => unknown;
}

type Values<B extends string, S extends string, C extends S> =
  & { [K in B]: boolean }
  & { [K in Exclude<S, C>]?: string }
  & { [K in C]: string[] };

type WithDefaults<V, D> =
  & Omit<V, keyof D>
  & { [K in keyof D]: D[K] | (K extends keyof V ? NonNullable<V[K]> : never) };

export type Args<B extends string, S extends string, C extends S, D, DD extends boolean> =
  & Record<string, unknown>
  & WithDefaults<Values<B, S, C>, D>
  & { _: (string | number)[] }
  & (DD extends true ? { "--": string[] } : unknown);

/** Reads command line arguments. */
export function parseArgs<
  B extends string = never,
  S extends string = never,
  C extends S = never,
  D extends Record<string, unknown> = Record<never, never>,
  DD extends boolean = false,
>(args: readonly string[], options: ParseOptions<B, S, C, D, DD> = {}): Args<B, S, C, D, DD> {
  const withAliases = (names: readonly string[] = []) => names.flatMap((name) => [name, ...aliasesOf(name)]);
  const aliasesOf = (name: string): string[] => {
    const group = Object.entries(options.alias ?? {}).map(([key, value]) => [key, value].flat())
      .find((names) => names.includes(name));
    return group?.filter((other) => other !== name) ?? [];
  };
  const collect = new Set(withAliases(options.collect));
  const negatable = new Set(withAliases(options.negatable));

  // minimist takes every `--no-x` as a negation. A character that no argument can contain hides those that are not
  // declared.
  const end = args.includes("--") ? args.indexOf("--") : args.length;
  const hidden = args.map((arg, i) => {
    const negated = /^--no-([^=]+)$/.exec(arg)?.[1];
    return i >= end || negated === undefined || negatable.has(negated) ? arg : arg.replace("--", "--\0");
  });
  const shown = <T>(arg: T) => typeof arg === "string" ? arg.replace("\0", "") : arg;

  const { unknown } = options;
  const parsed: Record<string, unknown> & { _: (string | number)[] } = minimist(hidden, {
    ...options,
    boolean: withAliases(options.boolean),
    string: withAliases(options.string),
    ...(unknown && { unknown: (arg: string) => unknown(shown(arg)) }),
  });
  parsed._ = parsed._.map(shown);

  for (const name of withAliases(options.string).filter((name) => name !== "_")) {
    const value = parsed[name];
    if (collect.has(name)) parsed[name] = value === undefined ? [] : [value].flat();
    else if (Array.isArray(value)) parsed[name] = value.at(-1);
  }
  return parsed as unknown as Args<B, S, C, D, DD>;
}
