/**
 * Takes over the sockets that a service manager such as systemd passes to the program: sd_listen_fds(3). Clients can
 * connect to them at any time; they wait in the kernel while no program accepts.
 *
 * The descriptors stay open until the program ends, and each listener gets a duplicate. So a listener can close and
 * another one can follow, in any thread, and none of the clients in the queue is lost.
 */

import { createServer } from "node:net";
import process from "node:process";
import type { ActivatedAddress, TcpAddress } from "../address.ts";
import { ProxyError, proxyErrorOf } from "../errors.ts";
import { unmapped } from "./deno_socket.ts";
import { BACKLOG } from "./listen.ts";
import { ListenError } from "./listen_error.ts";

/** The number of the first descriptor (sd_listen_fds(3)). */
const FIRST = 3;

/** The variables that the manager sets. */
export type ActivationVariable = "LISTEN_PID" | "LISTEN_FDS" | "LISTEN_FDNAMES";

/** The parts of Deno's handles that are used here. */
interface TcpBinding {
  readonly TCP: new (type: number) => TcpHandle;
}
interface TcpHandle {
  open(descriptor: number): number;
  getsockname(name: { address?: string; port?: number }): number;
  /** A new descriptor of the socket; negative when there is none. */
  fdForIpc?(): number;
}
/** The kind of a handle that does not listen itself: node:net does, on the duplicates. */
const SOCKET = 0;

/** A descriptor of the manager. */
interface Held {
  readonly handle: TcpHandle;
  /** Undefined for a unix socket: Deno does not have its path. */
  readonly bound: TcpAddress | undefined;
  /** Why nothing can listen on it; undefined until {@linkcode tryToListen} has tried. */
  fault?: Promise<ProxyError | undefined>;
}

export class ActivatedSockets {
  readonly #env: (name: ActivationVariable) => string | undefined;
  readonly #pid: number;
  readonly #held = new Map<number, Held>();

  /** @param env Is asked only once a socket is wanted. */
  constructor(
    env: (name: ActivationVariable) => string | undefined = (name) => Deno.env.get(name),
    pid: number = Deno.pid,
  ) {
    this.#env = env;
    this.#pid = pid;
  }

  /**
   * The address, with that of its socket if it is TCP. Clients that wait in its queue stay there.
   *
   * @throws {ListenError} when there is no such socket, or nothing can listen on it.
   */
  async resolve(asked: ActivatedAddress): Promise<ActivatedAddress> {
    const held = this.#hold(asked);
    // Each try that fails costs a descriptor, so there is one only.
    const fault = await (held.fault ??= tryToListen(held.handle));
    if (fault?.code === "too_many_open_files") delete held.fault;
    if (fault !== undefined) throw ListenError.at(asked, fault);
    const { bound } = held;
    const { transport, name } = asked;
    return bound === undefined ? { transport, name } : { transport, name, bound };
  }

  /** Duplicates the descriptor; negative when none is left. @throws {ListenError} when there is no such socket. */
  duplicate(asked: ActivatedAddress): number {
    return duplicateOf(this.#hold(asked).handle);
  }

  #hold(asked: ActivatedAddress): Held {
    const descriptor = this.#find(asked);
    const known = this.#held.get(descriptor);
    if (known !== undefined) return known;
    const held = open(descriptor);
    if (held === undefined) throw unavailable(asked, "its descriptor is not a socket");
    this.#held.set(descriptor, held);
    return held;
  }

  /** @throws {ListenError} */
  #find(asked: ActivatedAddress): number {
    const count = Number(this.#env("LISTEN_FDS") ?? 0);
    const pid = this.#env("LISTEN_PID");
    if (!(count > 0)) {
      throw unavailable(
        asked,
        "no service manager has passed sockets (LISTEN_FDS is not set: start the .socket unit)",
      );
    }
    if (pid !== String(this.#pid)) {
      throw unavailable(
        asked,
        `the sockets are for process ${pid} (LISTEN_PID), and this one is ${this.#pid}`,
      );
    }
    const names = (this.#env("LISTEN_FDNAMES") ?? "").split(":");
    const all = Array.from({ length: count }, (_, index) => names[index] || "unknown");
    const [name, place = "1"] = asked.name.split(":");
    const same = all.keys().filter((index) => all[index] === name).toArray();
    const index = same[Number(place) - 1];
    if (index !== undefined) return FIRST + index;
    const there = [...new Set(all)].map((each) => JSON.stringify(each)).join(", ");
    throw unavailable(
      asked,
      same.length > 0
        ? `only ${same.length === 1 ? "one socket has" : `${same.length} sockets have`} the name "${name}"`
        : `no socket has that name, but ${there} (FileDescriptorName= in the .socket unit)`,
    );
  }
}

/**
 * Undefined when the descriptor is no socket. The handle also holds a unix socket, and is never closed: that would
 * close the descriptor.
 */
function open(descriptor: number): Held | undefined {
  const { TCP } = (process as unknown as { binding(name: string): TcpBinding }).binding("tcp_wrap");
  const handle = new TCP(SOCKET);
  if (handle.open(descriptor) !== 0) return undefined;
  const name: { address?: string; port?: number } = {};
  if (handle.getsockname(name) !== 0) return { handle, bound: undefined };
  const { address = "", port = 0 } = name;
  return { handle, bound: { transport: "tcp", hostname: unmapped(address), port } };
}

/** A new descriptor of the socket; negative when there is none. */
function duplicateOf(handle: TcpHandle): number {
  return handle.fdForIpc?.() ?? -1;
}

/**
 * Listens on a duplicate and closes it before it accepts: a client that was accepted would be lost. Returns why
 * nothing can listen on it; in that case Deno 2.9.6 leaks the duplicate.
 */
async function tryToListen(handle: TcpHandle): Promise<ProxyError | undefined> {
  const fd = duplicateOf(handle);
  if (fd < 0) return new ProxyError("too_many_open_files", "proxy");
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      // node:net accepts in the next turn of the event loop, after this callback.
      server.listen({ fd, backlog: BACKLOG }, () => server.close(() => resolve()));
    });
    return undefined;
  } catch (cause) {
    const { code, message } = proxyErrorOf(cause, "proxy");
    const isOther = message.includes("EINVAL");
    const detail = isOther ? "it is not a stream socket that listens (ListenStream= and Accept=no)" : message;
    return new ProxyError(code, "proxy", { detail });
  }
}

function unavailable(address: ActivatedAddress, detail: string): ListenError {
  return ListenError.at(address, new ProxyError("address_not_available", "proxy", { detail }));
}
