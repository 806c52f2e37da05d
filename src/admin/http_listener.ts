/** Binding the address of the admin interface. The only place that calls Deno.serve. */

import { setTimeout as pause } from "node:timers/promises";
import type { AdminConfig } from "../config/config.ts";

type Address = AdminConfig["listen"];
type SocketAddr = Deno.NetAddr | Deno.UnixAddr;
type Server = Deno.HttpServer<SocketAddr>;
type Handler = (request: Request, info: Deno.ServeHandlerInfo<SocketAddr>) => Promise<Response>;

/** The address of the admin interface could not be bound. The message names the address, the cause and the remedy. */
export class AdminListenError extends Error {
  override readonly name = "AdminListenError";

  constructor(address: Address, cause: Error) {
    const remedy = address.transport === "tcp" || cause.name === "AddrInUse"
      ? REMEDIES[cause.name]
      : undefined;
    super(`Cannot listen on ${format(address)} (admin.listen): ${remedy ?? cause.message}`, { cause });
  }
}

/** By the name of Deno's error class. */
const REMEDIES: Readonly<Record<string, string>> = {
  AddrInUse: "address already in use (another program listens there; stop it or choose another address)",
  AddrNotAvailable: "no such local address (listen on one that this machine has)",
  PermissionDenied: "permission denied (ports below 1024 need root or CAP_NET_BIND_SERVICE)",
};

/** Where Deno.serve listens instead of, or beside, where it is told to. */
const OVERRIDE = "DENO_SERVE_ADDRESS";

/** How long to wait before listening again, in milliseconds. */
const PAUSE = 1000;

export interface HttpOptions {
  readonly handler: Handler;
  /** Ends it, and breaks off what is under way. */
  readonly signal: AbortSignal;
  /** Called with what has ended it against its will, at most once a second; it tries to listen again. */
  readonly onFailure: (error: Error) => void;
}

export interface HttpListener {
  /** What was bound, with the real port. */
  readonly address: Address;
  /** Resolves when everything is closed after `signal` has aborted. Never rejects. */
  readonly finished: Promise<void>;
}

/**
 * Serves HTTP. Deno.serve gives up for good when there is no descriptor left for a connection; what is open goes on
 * then, and this listens again.
 *
 * @throws {AdminListenError}
 */
export function serveHttp(listen: Address, options: HttpOptions): HttpListener {
  const first = bind(listen, options);
  const address = addressOf(first.addr);
  return { address, finished: keepServing(first, () => bind(address, options), options) };
}

async function keepServing(first: Server, again: () => Server, options: HttpOptions): Promise<void> {
  const { signal, onFailure } = options;
  let server: Server | undefined = first;
  while (!signal.aborted) {
    try {
      await (server ?? again()).finished;
    } catch (error) {
      onFailure(error as Error);
    }
    server = undefined;
    await pause(PAUSE, undefined, { signal }).catch(() => {});
  }
}

function bind(listen: Address, { handler, signal }: HttpOptions): Server {
  // Whether a token is needed was decided for `listen`.
  const override = Deno.env.get(OVERRIDE);
  Deno.env.delete(OVERRIDE);
  try {
    // Left out, onListen prints the address.
    const options = { signal, onListen: () => {} };
    return listen.transport === "unix"
      ? Deno.serve({ ...options, path: listen.path }, handler)
      : Deno.serve({ ...options, hostname: listen.hostname, port: listen.port }, handler);
  } catch (cause) {
    throw new AdminListenError(listen, cause as Error);
  } finally {
    if (override !== undefined) Deno.env.set(OVERRIDE, override);
  }
}

function addressOf(bound: SocketAddr): Address {
  return "path" in bound
    ? { transport: "unix", path: bound.path }
    : { transport: "tcp", hostname: bound.hostname, port: bound.port };
}

/** Who sent a request; clients of unix sockets have no address. */
export function clientOf(remote: SocketAddr): string {
  return "path" in remote ? "unix" : format(addressOf(remote));
}

function format(address: Address): string {
  if (address.transport === "unix") return `unix:${address.path}`;
  const { hostname, port } = address;
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}
