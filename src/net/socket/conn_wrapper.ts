/** A connection seen through another: what a subclass does not change goes to the one inside. */

import type { Address } from "../address.ts";
import type { Conn } from "./conn.ts";

export abstract class ConnWrapper implements Conn {
  protected inner: Conn;

  constructor(inner: Conn) {
    this.inner = inner;
  }

  get localAddress(): Address {
    return this.inner.localAddress;
  }

  get remoteAddress(): Address {
    return this.inner.remoteAddress;
  }

  get sendsCloseNotify(): boolean {
    return this.inner.sendsCloseNotify === true;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return this.inner.read(buffer);
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.inner.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.inner.closeWrite();
  }

  close(): void {
    this.inner.close();
  }

  reset(): void {
    this.inner.reset();
  }

  setNoDelay(on: boolean): void {
    this.inner.setNoDelay(on);
  }

  setKeepAlive(after: true | number): void {
    this.inner.setKeepAlive(after);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
