/** The access log of a program, read on from where it was read last. */

import type { AccessLine } from "../support/program/access_line.ts";

export interface ConnectionLine extends AccessLine {
  readonly id: number;
  readonly bytes_from_client?: number;
  readonly bytes_from_upstream?: number;
  readonly suppressed?: number;
}

export class AccessLog implements Disposable {
  readonly #path: string;
  readonly #lines = new Map<string, ConnectionLine[]>();
  readonly #taken = new Map<string, number>();
  #file: Deno.FsFile | undefined;
  #rest = "";

  constructor(path: string) {
    this.#path = path;
  }

  /** Takes the lines of a service that have come since the last time. */
  take(service: string): ConnectionLine[] {
    this.#read();
    const lines = this.#lines.get(service) ?? [];
    this.#lines.delete(service);
    const own = lines.filter(({ event }) => event !== "connection_refused").length;
    this.#taken.set(service, this.taken(service) + own);
    return lines;
  }

  /** How many lines of a service were taken so far; of refusals, not all are logged, and none is counted here. */
  taken(service: string): number {
    return this.#taken.get(service) ?? 0;
  }

  [Symbol.dispose](): void {
    this.#file?.close();
  }

  /** In one turn, so that no line is read twice. */
  #read(): void {
    this.#file ??= Deno.openSync(this.#path);
    const buffer = new Uint8Array(65_536);
    const decoder = new TextDecoder();
    for (let count = this.#file.readSync(buffer); count !== null; count = this.#file.readSync(buffer)) {
      const lines = (this.#rest + decoder.decode(buffer.subarray(0, count))).split("\n");
      this.#rest = lines.pop()!;
      for (const text of lines) {
        const line: ConnectionLine = JSON.parse(text);
        this.#lines.set(line.service, [...this.#lines.get(line.service) ?? [], line]);
      }
    }
  }
}
