/**
 * {@linkcode Conn} over a `node:net` socket: the adapter that can send a RST and set a keepalive time.
 *
 * The socket must have been made with `allowHalfOpen: true`, or its writing side would end with the peer's.
 */

import type { Socket } from "node:net";
import { clearImmediate, setImmediate } from "node:timers";
import type { Address } from "../address.ts";
import type { Conn, SocketOptions } from "./conn.ts";
import { ReceiveBuffer } from "./receive_buffer.ts";
import { unmapped } from "./deno_socket.ts";
import { EarlyWrites } from "../workarounds/early_half_close.ts";

/**
 * The most that node:net reads at once, in bytes. A chunk of this size is followed at once by another if there is more.
 */
const FULL_CHUNK = 64 * 1024;

interface PendingRead {
  readonly buffer: Uint8Array;
  readonly resolve: (count: number | null) => void;
  readonly reject: (error: Error) => void;
}

/** A unix socket whose name is not known. */
const UNNAMED: Address = { transport: "unix", path: "" };

export class NodeConn implements Conn {
  readonly #socket: Socket;
  readonly #isUnix: boolean;
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  /** Holds at most a chunk more than the read needs: then the socket is paused. */
  readonly #received = new ReceiveBuffer();
  /** Runs after all chunks that arrive at once, which one read takes together. */
  #afterChunks: ReturnType<typeof setImmediate> | undefined;
  #ended = false;
  #failure: Error | undefined;
  #reading: PendingRead | undefined;
  /** The peer has sent something. */
  #hasReceived = false;
  /** Takes the writes before the peer has sent anything. */
  #early: EarlyWrites | undefined;

  constructor(socket: Socket, transport: Address["transport"] = "tcp") {
    this.#socket = socket;
    this.#isUnix = transport === "unix";
    this.localAddress = this.#isUnix ? UNNAMED : endpoint(socket.localAddress, socket.localPort);
    this.remoteAddress = this.#isUnix ? UNNAMED : endpoint(socket.remoteAddress, socket.remotePort);
    socket.pause();
    socket.on("data", (chunk: Uint8Array) => {
      this.#hasReceived = true;
      this.#received.push(chunk);
      const room = this.#reading?.buffer.byteLength ?? 0;
      if (chunk.byteLength < FULL_CHUNK || this.#received.byteLength >= room) this.#onReceived();
      else this.#afterChunks ??= setImmediate(this.#onReceived);
    });
    socket.on("end", () => {
      this.#ended = true;
      this.#settleRead();
    });
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Deno.errors.Interrupted("Connection closed")));
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return new Promise((resolve, reject) => {
      this.#reading = { buffer, resolve, reject };
      this.#settleRead();
      if (this.#reading !== undefined) this.#socket.resume();
    });
  }

  write(bytes: Uint8Array): Promise<number> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#writable(bytes.byteLength).write(
        bytes,
        // When a read fails, pending writes fail with ECANCELED before the cause is reported.
        (error) => error ? reject(this.#failure ?? this.#socket.errored ?? error) : resolve(bytes.byteLength),
      );
    });
  }

  closeWrite(): Promise<void> {
    // A socket that was closed here would never call its callback.
    if (this.#failure !== undefined || this.#socket.destroyed) return Promise.resolve();
    this.#early?.close();
    // The callback also runs when the socket breaks first; the reading side reports that.
    return new Promise((resolve) => void this.#socket.end(() => resolve()));
  }

  close(): void {
    this.#socket.destroy();
    this.#early?.close();
  }

  reset(): void {
    // Unix sockets have no RST.
    if (this.#isUnix) this.#socket.destroy();
    else if (!this.#socket.destroyed) this.#socket.resetAndDestroy();
    this.#early?.close();
  }

  setOptions({ nodelay, keepalive }: SocketOptions): void {
    if (this.#isUnix) return;
    if (nodelay) this.#socket.setNoDelay(true);
    if (keepalive !== false) this.#socket.setKeepAlive(true, keepalive === true ? 0 : keepalive);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Where to write this many bytes. */
  #writable(length: number): Socket {
    // The workaround is for TCP.
    if (this.#isUnix) return this.#socket;
    if (!this.#hasReceived) return (this.#early ??= new EarlyWrites(this.#socket)).socketFor(length);
    this.#early?.close();
    this.#early = undefined;
    return this.#socket;
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#settleRead();
  }

  readonly #onReceived = (): void => {
    if (this.#afterChunks !== undefined) clearImmediate(this.#afterChunks);
    this.#afterChunks = undefined;
    this.#socket.pause();
    this.#settleRead();
  };

  /** Answers the pending read with bytes, the end or the failure, in that order; else leaves it pending. */
  #settleRead(): void {
    const reading = this.#reading;
    if (reading === undefined) return;
    if (this.#received.byteLength > 0) {
      this.#reading = undefined;
      reading.resolve(this.#received.takeInto(reading.buffer));
    } else if (this.#ended) {
      this.#reading = undefined;
      reading.resolve(null);
    } else if (this.#failure !== undefined) {
      this.#reading = undefined;
      reading.reject(this.#failure);
    }
  }
}

function endpoint(hostname: string | undefined, port: number | undefined): Address {
  return { transport: "tcp", hostname: unmapped(hostname ?? ""), port: port ?? 0 };
}
