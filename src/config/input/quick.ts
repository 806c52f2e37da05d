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
 * @throws {ConfigError} with every problem; the paths are the arguments.
 */
export function parseQuickForm(args: readonly string[]): Config {
  if (args.length === 0) {
    throw new ConfigError([{ path: "", message: "Missing a service: expected 5000=db.internal:5432" }]);
  }
  const problems: Problem[] = [];
  const services = args.flatMap((argument): QuickService[] => {
    try {
      return [parseArgument(argument)];
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      problems.push({ path: argument, message: error.message });
      return [];
    }
  });
  const config = services.length === 0 ? undefined : decodeServices(services, problems);
  if (config === undefined || problems.length > 0) throw new ConfigError(problems);
  return config;
}

/** @throws {SyntaxError} when the argument is not `listen=upstream`. */
function parseArgument(argument: string): QuickService {
  const split = argument.indexOf("=");
  const listen = argument.slice(0, split);
  const upstream = argument.slice(split + 1);
  if (split === -1 || listen === "" || upstream === "") {
    throw new SyntaxError(
      `Cannot parse "${argument}": expected listen=upstream such as 5000=db.internal:5432`,
    );
  }
  return {
    argument,
    listen,
    upstream: /^\d+$/.test(upstream)
      ? formatAddress(parseUpstreamAddress(upstream, { barePort: true }))
      : upstream,
  };
}

function decodeServices(services: readonly QuickService[], problems: Problem[]): Config | undefined {
  const names = new Set<string>();
  const document = {
    services: services.map(({ listen, upstream }) => ({ name: uniqueName(listen, names), listen, upstream })),
  };
  try {
    return decodeConfig(document);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const { path, message } of error.problems) {
      problems.push({ path: nameArguments(path, services), message: nameArguments(message, services) });
    }
    return undefined;
  }
}

/** Replaces the document's paths, which the user did not type, with the arguments they come from. */
function nameArguments(text: string, services: readonly QuickService[]): string {
  return text.replace(
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
