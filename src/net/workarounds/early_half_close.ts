/**
 * Writes to a peer that has sent nothing yet, over node:net.
 *
 * A socket of node:net in Deno 2.9.6 that has received no byte takes its peer's FIN for a broken connection: every
 * write that waits for room in the kernel fails with EPIPE, whether the FIN came before the write or after, and how
 * much of it was written is not known. A download for a client that half-closes first, or an upload to an upstream
 * that does, so ended after the 4 MB that loopback takes at once, and with a FIN. See `poll_tcp_handle`, step 4, in
 * https://github.com/denoland/deno/blob/v2.9.5/libs/core/uv_compat/tcp.rs, which
 * https://github.com/denoland/deno/pull/33860 mended for peers that have sent something.
 *
 * So what may have to wait is written through a second descriptor of the same socket, as a pipe: the writes of pipes
 * are not looked at like that. All else, reading, FIN and RST, stays with the socket itself.
 *
 * tests/unit/early_half_close_test.ts fails once Deno does it right: this file can go then.
 */

import { Socket } from "node:net";
import process from "node:process";

/**
 * What the kernel takes at once of a connection of which nothing was read: greetings, a PROXY header and a ClientHello.
 * The smallest send buffer of an established connection has room for twenty segments of each 536 bytes and what they
 * cost (`tcp_init_buffer_space` in Linux).
 */
const SURE_BYTES = 4096;
const SURE_WRITES = 8;

/** What of the handle of a socket is used, and of `process.binding("pipe_wrap")`. */
interface TcpHandle {
  /** A new descriptor of the socket; negative when there is none. */
  fdForIpc?(): number;
}
interface PipeBinding {
  readonly Pipe: new (type: number) => { open(descriptor: number): number };
  readonly socketType: { readonly SOCKET: number };
}

/** Decides where writes go. To be asked only as long as the peer has sent nothing. */
export class EarlyWrites {
  readonly #socket: Socket;
  #second: Socket | undefined;
  #bytes = 0;
  #writes = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /**
   * Where to write so many bytes.
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

  /** Closes the second descriptor: nothing more is written through it. */
  close(): void {
    if (this.#second !== this.#socket) this.#second?.destroy();
  }
}

/** The same connection once more, to write to; undefined where there is no such thing. */
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
  // As a write of the socket itself would: whoever writes first after a reset is told of it, and nobody else.
  return new Socket(options).on("error", (error) => socket.destroy(error));
}

function pipes(): PipeBinding {
  return (process as unknown as { binding(name: string): PipeBinding }).binding("pipe_wrap");
}
