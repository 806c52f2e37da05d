/** Binds the address of the admin interface, and passes its connections to the server. */

import { type AdminServerOptions, createAdminServer } from "../../admin/server.ts";
import { acceptConnections } from "../../net/socket/accept.ts";
import { type Address, formatAddress } from "../../net/address.ts";
import type { Conn } from "../../net/socket/conn.ts";
import { listen, type Listener } from "../../net/socket/listen.ts";
import { canShare, reserve } from "../../net/socket/reserve.ts";
import { sleep } from "../../net/timers/sleep.ts";
import { ListenError } from "../../net/socket/listen_error.ts";
import type { Log } from "../../observe/log/log.ts";
import { AdminListenError } from "./listen_error.ts";

/** Serves the connections that a listener accepts. */
export interface AdminService {
  serve(conn: Conn, client: string): void;
  /** Closes idle connections, because descriptors are short. */
  evictIdle(): void;
  /** Responses in progress have a second to finish. */
  close(): Promise<void>;
}

interface ListenOptions {
  readonly listen: Address;
  /** Mode bits for a unix socket file. */
  readonly unixMode?: number | undefined;
  readonly log?: Log | undefined;
  /** Another sluice still listens there. */
  readonly takesOver?: boolean | undefined;
  /** Begins the message when it cannot accept; the admin interface unless given. */
  readonly what?: string;
}

export interface AdminListenOptions
  extends AdminServerOptions, Pick<ListenOptions, "unixMode" | "takesOver"> {}

export interface ListeningAdmin extends AsyncDisposable, Pick<AdminService, "evictIdle" | "close"> {
  /** The address bound, with the real port. */
  readonly address: Address;
  /** Accepts clients that are connecting, and then no more. */
  stopAccepting(): void;
}

/** @throws {AdminListenError} */
export function listenAdmin(options: AdminListenOptions): Promise<ListeningAdmin> {
  return listenFor("admin.listen", options, () => createAdminServer(options));
}

/** @param key Of the configuration, for errors. @throws {AdminListenError} */
export async function listenFor(
  key: string,
  { listen: asked, unixMode, log, takesOver = false, what = "The admin interface" }: ListenOptions,
  makeService: () => AdminService | Promise<AdminService>,
): Promise<ListeningAdmin> {
  const listener = await bind(asked, unixMode, takesOver).catch((error) => {
    throw error instanceof ListenError ? new AdminListenError(asked, error, key) : error;
  });
  const service = await makeService();
  const ending = new AbortController();
  const draining = new AbortController();
  const accepting = acceptConnections(listener, {
    onConnection: (conn) => {
      service.serve(conn, clientOf(conn));
      // One a turn of the event loop: the descriptor of a connection that this one evicted is free only in the next.
      return sleep(0, ending.signal);
    },
    onError: (error) => {
      service.evictIdle();
      log?.error(`${what} cannot accept connections, trying again`, {
        event: "admin_accept_failed",
        detail: (error as Error).message,
      });
    },
    signal: ending.signal,
    draining: draining.signal,
  });
  const close = async () => {
    await service.close();
    ending.abort();
    await accepting;
    await listener.closing;
  };
  return {
    address: listener.address,
    evictIdle: () => service.evictIdle(),
    stopAccepting: () => draining.abort(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/**
 * Other programs of the user, such as a sluice that takes over, can bind the address beside this one, if they ask to.
 */
async function bind(asked: Address, unixMode: number | undefined, takesOver: boolean): Promise<Listener> {
  const shared = asked.transport === "tcp" && canShare();
  if (shared && !takesOver && asked.port > 0) (await reserve(asked)).release();
  return await listen(asked, { adapter: "deno", unixMode, shared, replaces: takesOver });
}

/** Clients of unix sockets have no address. */
function clientOf({ remoteAddress }: Conn): string {
  return remoteAddress.transport === "unix" ? "unix" : formatAddress(remoteAddress);
}
