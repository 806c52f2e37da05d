/** The quick form of the command line: `5000=db.internal:5432`, one service per argument. */

import { formatAddress, parseUpstreamAddress } from "../../net/address.ts";
import type { Config } from "../config.ts";
import { ConfigError, type Problem } from "../config_error.ts";
import { decodeConfig } from "../decode.ts";

/** A service of the quick form, and its argument. */
interface QuickService {
  readonly argument: string;
  readonly listen: string;
  readonly upstream: string;
}

/** The longest name a service may have, in characters. */
const MAX_NAME = 64;

/**
 * Decodes `listen=upstream` arguments, split at the first `=`. An upstream that is just a port is on 127.0.0.1.
 * A service is named after its listen address; equal names get `#2` and so on.
 *
 * @param faults Of the one service, `latency,latency=200ms,direction=both` each: the type, then what a file says of it.
 *
 * @throws {ConfigError} with every problem; the paths are the arguments.
 */
export function parseQuickForm(args: readonly string[], faults: readonly string[] = []): Config {
  if (args.length === 0) {
    throw new ConfigError([{ path: "", message: "Missing a service: expected 5000=db.internal:5432" }]);
  }
  const problems: Problem[] = [];
  const parsed = args.map((argument) => parseArgument(argument, problems)).filter((each) =>
    each !== undefined
  );
  const settings = faults.map((text) =>
    parseFault(text, (message) => void problems.push({ path: `--fault ${text}`, message }))
  );
  const names = new Set<string>();
  const services = parsed.map(({ listen, upstream }) => {
    const service = { name: uniqueName(listen, names), listen, upstream };
    return settings.length > 0 ? { ...service, faults: settings } : service;
  });
  if (services.length === 0) throw new ConfigError(problems);
  try {
    const config = decodeConfig({ services });
    if (problems.length === 0) return config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const inArguments = (text: string) => nameArguments(text, parsed, faults);
    for (const { path, message } of error.problems) {
      problems.push({ path: inArguments(path), message: inArguments(message) });
    }
  }
  throw new ConfigError(problems);
}

function parseArgument(argument: string, problems: Problem[]): QuickService | undefined {
  const [, listen, upstream] = /^([^=]+)=(.+)$/s.exec(argument) ?? [];
  try {
    if (listen === undefined || upstream === undefined) {
      throw new SyntaxError(
        `Cannot parse "${argument}": expected listen=upstream such as 5000=db.internal:5432`,
      );
    }
    if (!/^\d+$/.test(upstream)) return { argument, listen, upstream };
    const address = parseUpstreamAddress(upstream, { barePort: true });
    return { argument, listen, upstream: formatAddress(address) };
  } catch (error) {
    problems.push({ path: argument, message: (error as SyntaxError).message });
    return undefined;
  }
}

/**
 * Parses `latency,latency=200ms,direction=both`.
 *
 * @param add Called for each part that cannot be parsed.
 */
export function parseFault(
  text: string,
  add: (message: string) => void,
): Readonly<Record<string, string | string[]>> {
  const [type = "", ...parts] = text.split(",");
  return { type: type.replace(/^type=/, ""), ...parseSettings(parts, add) };
}

/**
 * Parses `key=value` parts of a fault. A key that comes several times has a list.
 *
 * @param add Called for each part that cannot be parsed.
 */
export function parseSettings(
  parts: readonly string[],
  add: (message: string) => void,
): Record<string, string | string[]> {
  const settings: Record<string, string | string[]> = {};
  for (const part of parts) {
    const split = part.indexOf("=");
    const [key, value] = [part.slice(0, split), part.slice(split + 1)];
    if (split < 1 || value === "" || key === "__proto__") {
      add(`Cannot parse "${part}": expected key=value such as latency=200ms`);
    } else if (Object.hasOwn(settings, key)) settings[key] = [settings[key]!, value].flat();
    else settings[key] = value;
  }
  return settings;
}

/** Replaces the document's paths, which the user did not type, with the arguments they come from. */
function nameArguments(text: string, services: readonly QuickService[], faults: readonly string[]): string {
  return text.replace(
    /\bservices\[0\]\.faults\[(\d+)\](?:[.[][\w\]]+)*/g,
    (path, index) => faults[Number(index)] === undefined ? path : `--fault ${faults[Number(index)]}`,
  ).replace(
    /\bservices\[(\d+)\](?:\.\w+)*/g,
    (path, index) => services[Number(index)]?.argument ?? path,
  );
}

/** Names a service after its listen address, of which a long path keeps its end and loses its spaces. */
function uniqueName(listen: string, taken: Set<string>): string {
  const base = listen.replace(/[\s\p{C}]/gu, "_");
  for (let count = 1;; count++) {
    const suffix = count === 1 ? "" : `#${count}`;
    const name = [...base].slice(-(MAX_NAME - suffix.length)).join("") + suffix;
    if (taken.has(name)) continue;
    taken.add(name);
    return name;
  }
}
