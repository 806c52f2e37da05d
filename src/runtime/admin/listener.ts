/** Binds the address of the admin interface, and passes its connections to the server. */

import { AdminServer, type AdminServerOptions } from "../../admin/server.ts";
import { acceptConnections } from "../../net/socket/accept.ts";
import { type Address, formatAddress } from "../../net/address.ts";
import type { Conn } from "../../net/socket/conn.ts";
import { listen } from "../../net/socket/listen.ts";
import { sleep } from "../../net/timers/sleep.ts";
import { ListenError } from "../../net/socket/listen_error.ts";
import { AdminListenError } from "./listen_error.ts";

export interface AdminListenOptions extends AdminServerOptions {
  /** Mode bits for a unix socket file. */
  readonly unixMode?: number | undefined;
}

export interface ListeningAdmin extends AsyncDisposable {
  /** The address bound, with the real port. */
  readonly address: Address;
  /** Closes idle connections, because descriptors are short. */
  evictIdle(): void;
  /** Stops it; responses in progress have a second to finish. */
  close(): Promise<void>;
}

/** @throws {AdminListenError} */
export async function listenAdmin(options: AdminListenOptions): Promise<ListeningAdmin> {
  const { listen: asked, unixMode, log } = options;
  const listener = await listen(asked, { adapter: "deno", unixMode }).catch((error) => {
    throw error instanceof ListenError ? new AdminListenError(asked, error) : error;
  });
  const server = await AdminServer.create(options);
  const ending = new AbortController();
  const accepting = acceptConnections(listener, {
    onConnection: (conn) => {
      server.serve(conn, clientOf(conn));
      // One a turn of the event loop: the descriptor of a connection that this one evicted is free only in the next.
      return sleep(0, ending.signal);
    },
    onError: (error) => {
      server.evictIdle();
      log?.error("The admin interface cannot accept connections, trying again", {
        event: "admin_accept_failed",
        detail: (error as Error).message,
      });
    },
    signal: ending.signal,
  });
  const close = async () => {
    await server.close();
    ending.abort();
    await accepting;
  };
  return {
    address: listener.address,
    evictIdle: () => server.evictIdle(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Clients of unix sockets have no address. */
function clientOf({ remoteAddress }: Conn): string {
  return remoteAddress.transport === "unix" ? "unix" : formatAddress(remoteAddress);
}
