/** One fault, as programs and the admin interface add and change it. */

import type { Config } from "./config.ts";
import { ConfigError } from "./config_error.ts";
import { parseAt } from "./input/explain.ts";
import { Report } from "./input/report.ts";
import { toDocument } from "./library.ts";
import { fault, type FaultConfig, faultList, nameFaults } from "./schema/fault_schema.ts";
import { encode, type Spelling } from "./schema/section.ts";

/** Whether faults can be added while the program runs: an operator's proxy does not offer them. */
export function areFaultsEnabled({ faultsEnabled, services }: Config): boolean {
  return faultsEnabled || services.some(({ faults }) => faults.length > 0);
}

const FAULT = { verdict: "Cannot use the fault" };

export interface FaultOptionsFrom {
  /** Of keys in problems: `camelCase` by default. Keys may be written either way. */
  readonly spelling?: Spelling;
  /** Where the options are, for problems: `faults[1]`. */
  readonly path?: string;
  /** Names of the other faults of the service. */
  readonly taken?: Iterable<string>;
}

/** A fault as a file has it. */
export type FaultDocument = Readonly<Record<string, unknown>>;

/**
 * Decodes one fault. Durations may be numbers of milliseconds. Without a name, it gets one that is not taken.
 *
 * @throws {ConfigError} with every problem.
 */
export function decodeFault(options: unknown, from: FaultOptionsFrom = {}): FaultConfig {
  return decode(toDocument(options, fault), from);
}

/**
 * Decodes a fault that differs from another one in the keys given. A key that is `null` is as if it was left out.
 *
 * @throws {ConfigError} with every problem, also for another type or name.
 */
export function changeFault(before: FaultConfig, changes: unknown, from: FaultOptionsFrom = {}): FaultConfig {
  const { name, type } = before;
  const changed = toDocument({ type, ...changes as object }, fault) as FaultDocument;
  if (changed["type"] !== type) {
    const message = `Cannot change the type: "${name}" is ${type}, add another fault`;
    throw new ConfigError([{ path: join(from.path ?? "", "type"), message }], FAULT);
  }
  const merged = Object.entries({ ...encodeFault(before), ...changed }).filter(([, value]) => value !== null);
  const after = decode(Object.fromEntries(merged), from);
  if (after.name === name) return after;
  const message = `Cannot change the name of "${name}": add another fault`;
  throw new ConfigError([{ path: join(from.path ?? "", "name"), message }], FAULT);
}

/** Writes a fault as a file has it, defaults included. */
export function encodeFault(config: FaultConfig): FaultDocument {
  const [document] = encode(faultList, [config]);
  return document as unknown as FaultDocument;
}

function decode(
  document: unknown,
  { spelling = "camelCase", path = "", taken = [] }: FaultOptionsFrom,
): FaultConfig {
  const report = new Report({ document: { faults: [document] }, sources: new Map(), problems: [] }, spelling);
  const data = parseAt(["faults", 0], document, fault, report);
  const names = new Set(taken);
  if (data?.name !== undefined && names.has(data.name)) {
    report.add(
      ["faults", 0, "name"],
      `Cannot use the name "${data.name}" twice: another fault of the service has it`,
    );
  }
  try {
    report.throwIfAny(undefined);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const problems = error.problems.map((problem) => ({
      ...problem,
      path: join(path, problem.path.replace(/^faults\[0\]\.?/, "")),
    }));
    throw new ConfigError(problems, FAULT);
  }
  return nameFaults([data!], names)[0]!;
}

function join(path: string, key: string): string {
  return path === "" || key === "" ? path + key : `${path}.${key}`;
}
