/** The address and token of the admin interface of the running proxy. */

import type { Config } from "../../config/config.ts";
import type { EnvironmentLookup } from "../../config/input/environment.ts";
import { ConfigFile } from "../../config/load.ts";
import { readFault } from "../../files/file_fault.ts";
import { readTextFile } from "../../files/read_file.ts";
import { type Address, isAbstract, parseUpstreamAddress } from "../../net/address.ts";
import { type Topic, UsageError } from "../usage.ts";
import type { AdminFlags } from "./command.ts";
import type { AdminCommandName } from "./registry.ts";

export interface AdminTarget {
  readonly address: Address;
  /** Undefined if there is none; the proxy may need none. */
  readonly token: string | undefined;
}

/**
 * The time limit for `--token-file <(print-the-token)`, in milliseconds: the command may ask the user for a passphrase.
 */
const TOKEN_PIPE_TIMEOUT = 60_000;

/** One word with characters that an HTTP header may contain. */
const TOKEN = /^[\x21-\x7e]+$/;

/** The address that reaches a listener on all addresses. */
const LOOPBACK_OF = new Map([["0.0.0.0", "127.0.0.1"], ["::", "::1"]]);

/**
 * Takes both from the command line, else from the configuration that it names, else from SLUICE_ADMIN and SLUICE_TOKEN.
 *
 * @throws {UsageError} when there is no address, or an address or token that cannot be used
 * @throws {ConfigError} when the configuration is wrong
 */
export async function findAdmin(
  flags: AdminFlags,
  command: AdminCommandName,
  environment: EnvironmentLookup,
): Promise<AdminTarget> {
  const file = flags.config === undefined ? undefined : new ConfigFile(flags.config, environment);
  const config = await file?.load();
  const address = addressOf(flags, config, command, environment);
  if (flags.tokenFile !== undefined) return { address, token: await readToken(flags.tokenFile, command) };
  const token = config?.admin?.token ?? environment("SLUICE_TOKEN");
  if (token === undefined || token === "") return { address, token: undefined };
  return { address, token: checkedToken(token, "SLUICE_TOKEN", command) };
}

function addressOf(
  flags: AdminFlags,
  config: Config | undefined,
  command: AdminCommandName,
  environment: EnvironmentLookup,
): Address {
  if (flags.address !== undefined) return parsedAddress(flags.address, "--admin", command);
  if (config !== undefined) return configuredAddress(flags.config!, config, command);
  const variable = environment("SLUICE_ADMIN");
  if (variable !== undefined && variable !== "") return parsedAddress(variable, "SLUICE_ADMIN", command);
  throw new UsageError(
    "No address of a proxy: give --admin ADDRESS (its admin.listen), or -c FILE (its configuration), or set " +
      "SLUICE_ADMIN",
    command,
  );
}

/**
 * The address in an option of a command.
 *
 * @throws {UsageError} when a client cannot connect to it
 */
export function parsedAddress(text: string, source: string, command: Topic): Address {
  try {
    return reachable(parseUpstreamAddress(text, { barePort: true }), source, command);
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError(`${source}: ${(cause as Error).message}`, command);
  }
}

function configuredAddress(path: string, config: Config, command: AdminCommandName): Address {
  if (config.admin === undefined) {
    throw new UsageError(
      `"${path}" has no "admin": the proxy has no admin interface; add admin.listen and restart it`,
      command,
    );
  }
  const { listen } = config.admin;
  if (listen.transport === "tcp" && listen.port === 0) {
    throw new UsageError(
      `admin.listen in "${path}" has port 0: take the real port from the proxy's log and give --admin HOST:PORT`,
      command,
    );
  }
  return reachable(listen, `admin.listen in "${path}"`, command);
}

/** A client cannot connect to "all addresses", and Deno's fetch cannot connect to an abstract socket. */
function reachable(address: Address, source: string, command: Topic): Address {
  if (address.transport === "unix") {
    if (!isAbstract(address)) return address;
    throw new UsageError(
      `${source}: commands cannot connect to an abstract socket: listen on a file or a port, or use ` +
        `"curl --abstract-unix-socket ${address.path.slice(1)} http://localhost/api/v1/status"`,
      command,
    );
  }
  return { ...address, hostname: LOOPBACK_OF.get(address.hostname) ?? address.hostname };
}

async function readToken(path: string, command: AdminCommandName): Promise<string> {
  const text = await readTextFile(path, { pipeTimeout: TOKEN_PIPE_TIMEOUT }).catch((cause: unknown) => {
    throw new UsageError(`Cannot read --token-file "${path}": ${readFault(cause).fault}`, command);
  });
  return checkedToken(text.trim(), `--token-file "${path}"`, command);
}

/** Messages never contain the token. */
function checkedToken(token: string, source: string, command: AdminCommandName): string {
  if (TOKEN.test(token)) return token;
  throw new UsageError(
    `Cannot use the token in ${source}: expected one word of printable ASCII characters`,
    command,
  );
}
