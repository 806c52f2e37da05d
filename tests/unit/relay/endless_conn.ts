import type { Address } from "../../../src/net/address.ts";
import type { Conn } from "../../../src/net/socket/conn.ts";

/** Far more reads than a test needs: a direction that never yields the thread fails instead of running forever. */
const MANY = 10_000_000;
const ADDRESS: Address = { transport: "tcp", hostname: "127.0.0.1", port: 1 };

/** Always has bytes to read, and takes all writes, until it `finishes`. */
export class EndlessConn implements Conn {
  readonly localAddress = ADDRESS;
  readonly remoteAddress = ADDRESS;
  finishes = false;
  reads = 0;

  read(buffer: Uint8Array): Promise<number | null> {
    this.reads += 1;
    return Promise.resolve(this.finishes || this.reads > MANY ? null : buffer.byteLength);
  }

  write(bytes: Uint8Array): Promise<number> {
    return Promise.resolve(bytes.byteLength);
  }

  closeWrite(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {}
  reset(): void {}
  setOptions(): void {}
  [Symbol.dispose](): void {}
}
