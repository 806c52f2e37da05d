/** A pooled connection in use, replaced if it turns out to be dead. */

import { type Conn, ConnWrapper } from "../../net/socket/conn.ts";

/**
 * The upstream may have closed it when it was handed out. Until the upstream or the client has sent something, a new
 * connection is equivalent, so it is replaced by one, once.
 */
export class StaleConnRetry extends ConnWrapper {
  readonly #redial: () => Promise<Conn>;
  #isUntouched = true;
  #isClosed = false;
  #redialing: Promise<void> | undefined;

  constructor(pooled: Conn, redial: () => Promise<Conn>) {
    super(pooled);
    this.#redial = redial;
  }

  override async read(buffer: Uint8Array): Promise<number | null> {
    if (this.#isUntouched) {
      const count = await this.#firstRead(buffer);
      if (count !== undefined) return count;
      await (this.#redialing = this.#dialAnew());
    }
    return await this.inner.read(buffer);
  }

  override async write(bytes: Uint8Array): Promise<number> {
    this.#isUntouched = false;
    if (this.#redialing !== undefined) await this.#redialing;
    return await this.inner.write(bytes);
  }

  override async closeWrite(): Promise<void> {
    this.#isUntouched = false;
    if (this.#redialing !== undefined) await this.#redialing;
    await this.inner.closeWrite();
  }

  override close(): void {
    this.#isClosed = true;
    super.close();
  }

  override reset(): void {
    this.#isClosed = true;
    super.reset();
  }

  /** The result of a read from the pooled connection; undefined if that is dead and can still be replaced. */
  async #firstRead(buffer: Uint8Array): Promise<number | null | undefined> {
    try {
      const count = await this.inner.read(buffer);
      if (count !== null || !this.#isUntouched || this.#isClosed) return count;
    } catch (cause) {
      if (!this.#isUntouched || this.#isClosed) throw cause;
    } finally {
      this.#isUntouched = false;
    }
    return undefined;
  }

  async #dialAnew(): Promise<void> {
    this.inner.close();
    this.inner = await this.#redial();
    if (this.#isClosed) this.inner.close();
  }
}
