/**
 * Writes to a peer that has sent nothing yet, over node:net.
 *
 * A socket of node:net in Deno 2.9.6 that has received no byte treats its peer's FIN as a broken connection:
 * every write that waits for room in the kernel fails with EPIPE, whether the FIN came before or after the
 * write, and the number of bytes written is unknown. A download to a client that half-closes first, or an
 * upload to an upstream that does, therefore ended after the 4 MB that loopback buffers, with a FIN. See
 * `poll_tcp_handle`, step 4, in https://github.com/denoland/deno/blob/v2.9.5/libs/core/uv_compat/tcp.rs,
 * which https://github.com/denoland/deno/pull/33860 fixed for peers that have sent something.
 *
 * So writes that may have to wait go through a second descriptor of the same socket, opened as a pipe: pipe
 * writes have no such check. Reading, FIN and RST stay with the socket itself.
 *
 * tests/unit/net/workarounds/early_half_close_test.ts fails once Deno has fixed this: then delete this file.
 */

import { Socket } from "node:net";
import process from "node:process";

/**
 * The kernel accepts this many bytes at once on a connection whose peer has read nothing: enough for greetings, a PROXY
 * header and a ClientHello. The smallest send buffer of an established connection has room for twenty segments of 536
 * bytes with their overhead (`tcp_init_buffer_space` in Linux).
 */
const SURE_BYTES = 4096;
const SURE_WRITES = 8;

/** The parts of a socket handle and of `process.binding("pipe_wrap")` that are used here. */
interface TcpHandle {
  /** A new descriptor of the socket; negative when there is none. */
  fdForIpc?(): number;
}
interface PipeBinding {
  readonly Pipe: new (type: number) => { open(descriptor: number): number };
  readonly socketType: { readonly SOCKET: number };
}

/** Decides where writes go. Call it only while the peer has sent nothing. */
export class EarlyWrites {
  readonly #socket: Socket;
  #second: Socket | undefined;
  #bytes = 0;
  #writes = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /**
   * The socket to write this many bytes to.
   *
   * @throws {Error} with the code EMFILE when no descriptor is left.
   */
  socketFor(length: number): Socket {
    if (this.#second !== undefined) return this.#second;
    this.#bytes += length;
    this.#writes += 1;
    if (this.#bytes <= SURE_BYTES && this.#writes <= SURE_WRITES) return this.#socket;
    return this.#second = secondOf(this.#socket) ?? this.#socket;
  }

  /** Closes the second descriptor, which no write needs any more. */
  close(): void {
    if (this.#second !== this.#socket) this.#second?.destroy();
  }
}

/** A second handle of the same connection for writes; undefined where the platform has none. */
function secondOf(socket: Socket): Socket | undefined {
  const { _handle: handle } = socket as unknown as { _handle: TcpHandle | null };
  if (handle === null) return undefined; // destroyed: it fails what is written
  if (Deno.build.os === "windows" || handle.fdForIpc === undefined) return undefined;
  const descriptor = handle.fdForIpc();
  if (descriptor < 0) {
    throw Object.assign(new Error("No descriptor left to write through"), { code: "EMFILE" });
  }
  const { Pipe, socketType } = pipes();
  const pipe = new Pipe(socketType.SOCKET);
  const status = pipe.open(descriptor);
  if (status !== 0) throw new Error(`Cannot write through a second descriptor: status ${status}`);
  const options = { handle: pipe, readable: false, writable: true, allowHalfOpen: true };
  // As with a write on the socket itself: only the first write after a reset gets the error.
  return new Socket(options).on("error", (error) => socket.destroy(error));
}

function pipes(): PipeBinding {
  return (process as unknown as { binding(name: string): PipeBinding }).binding("pipe_wrap");
}
