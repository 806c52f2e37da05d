/** Mutants that no test can notice, as nothing that can be seen is different, and why. */

export interface Equivalent {
  readonly file: string;
  /** The line of the source without the space around it: line numbers move. */
  readonly code: string;
  /** What is changed into what; left out, whatever is changed in this line. */
  readonly original?: string;
  readonly replacement?: string;
  readonly reason: string;
}

export const EQUIVALENT: readonly Equivalent[] = [
  {
    file: "src/net/tls_duplex.ts",
    code: "if (error !== undefined || this.writableLength === 0) return super.destroy(error);",
    original: "return super.destroy(error);",
    reason: "a stream that is destroyed once more does nothing",
  },
  {
    file: "src/net/tls_duplex.ts",
    code: "if (count <= LARGEST_PIECE) this.push(bytes);",
    original: "<=",
    reason: "a read of just one piece is pushed as it is either way",
  },
  {
    file: "src/net/tls_duplex.ts",
    code: "else this.#buffer.written();",
    reason: "nobody asks this buffer whether it is busy; RelayBuffer wants to be told all the same",
  },
  {
    file: "src/net/tls_duplex.ts",
    code: "if (bytes.buffer.byteLength > ALWAYS_READ) this.#buffer.unused();",
    original: ">",
    reason: "buffers of 64 KiB go back to the pool and come from there again: a matter of time alone",
  },
  {
    file: "src/net/tls_duplex.ts",
    code: "for (let start = 0; start < bytes.byteLength && !this.destroyed; start += LARGEST_PIECE) {",
    original: "<",
    reason: "a piece of no bytes changes nothing in a stream that goes on",
  },
  {
    file: "src/net/direction.ts",
    code: "const BULK = 32 * 1024;",
    reason: "when streams begin is a matter of speed: the same bytes pass",
  },
  {
    file: "src/net/direction.ts",
    code: "if (length >= this.#bulk) return this.#stream(length);",
    original: ">=",
    replacement: ">",
    reason: "when streams begin is a matter of speed: the same bytes pass",
  },
  {
    file: "src/net/streams.ts",
    code: "const UNQUEUED = { highWaterMark: 0 };",
    reason: "a source reads one chunk at a time however many are asked for, as there is one buffer",
  },
  {
    file: "src/net/streams.ts",
    code: "const ROOMY = { highWaterMark: 2 };",
    reason: "room in queues that never fill is a matter of speed",
  },
];
