/** Reads the access log of a program, each time from the end of the last read. */

import type { AccessLine } from "../support/program/access_line.ts";

export interface ConnectionLine extends AccessLine {
  readonly id: number;
  readonly bytes_from_client?: number;
  readonly bytes_from_upstream?: number;
  readonly suppressed?: number;
  /** The names of the faults that have acted on it, with commas. */
  readonly faults?: string;
  readonly mirror?: string;
}

export class AccessLog implements Disposable {
  readonly #path: string;
  readonly #lines = new Map<string, ConnectionLine[]>();
  readonly #taken = new Map<string, number>();
  #file: Deno.FsFile | undefined;
  #rest = "";
  /** The events of open connections, if each has a line. */
  readonly #begun: Map<number, string[]> | undefined;
  /** Lines that should not be as they are. */
  wrong: string | undefined;

  /** @param hasAll Whether there are lines for connections that have just begun. */
  constructor(path: string, hasAll: boolean) {
    this.#path = path;
    if (hasAll) this.#begun = new Map();
  }

  /** Takes the new lines of a service. */
  take(service: string): ConnectionLine[] {
    this.#read();
    const lines = this.#lines.get(service) ?? [];
    this.#lines.delete(service);
    const own = lines.filter(({ event }) => event !== "connection_refused").length;
    this.#taken.set(service, this.taken(service) + own);
    return lines;
  }

  /** The number of lines of a service taken so far, without refusals, of which not all are logged. */
  taken(service: string): number {
    return this.#taken.get(service) ?? 0;
  }

  [Symbol.dispose](): void {
    this.#file?.close();
  }

  /** Whether it is the last line of its connection. Checks that those before were there, in order. */
  #isEnd({ event, id, client }: ConnectionLine): boolean {
    const begun = this.#begun;
    if (begun === undefined) return true;
    const before = begun.get(id) ?? [];
    if (event === "connection_accepted" || event === "connection_connected") {
      begun.set(id, [...before, event]);
      return false;
    }
    begun.delete(id);
    const wanted = event === "connection_closed"
      ? "connection_accepted,connection_connected"
      : "connection_accepted";
    if (before.join() !== wanted) {
      this.wrong ??= `connection ${id} of ${client}: ${event} after ${before.join()}`;
    }
    return true;
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
        if (!this.#isEnd(line)) continue;
        this.#lines.set(line.service, [...this.#lines.get(line.service) ?? [], line]);
      }
    }
  }
}
