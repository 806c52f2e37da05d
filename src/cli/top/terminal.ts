/** The terminal as a screen: draws in place, reads keys, and is restored at the end. */

import { emitKeypressEvents, type Interface } from "node:readline";
import { PassThrough } from "node:stream";
import type { Size } from "./frame.ts";
import type { Key } from "./keys.ts";
import { type Line, painted } from "./line.ts";
import { write } from "../output.ts";

export interface Screen {
  size(): Size;
  draw(lines: readonly Line[]): void;
  /** Calls `onKey` for every key, and `onEnd` when the terminal is closed. */
  listen(onKey: (key: Key) => void, onEnd: () => void): void;
}

/** Alternate screen, no cursor, no line wrapping. */
const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l";

/** Terminals that support these show only complete updates; others ignore them. */
const BEGIN_UPDATE = "\x1b[?2026h";
const END_UPDATE = "\x1b[?2026l";

const HOME = "\x1b[H";
const CLEAR_LINE = "\x1b[2K";
const CLEAR_BELOW = "\x1b[J";

/** The size of a terminal that does not know it, such as a serial line. */
const STANDARD_SIZE: Size = { columns: 80, rows: 24 };

/** An arrow key begins with Escape; a character that follows later than this is another key. In milliseconds. */
const ESCAPE_TIMEOUT = 50;

/** Node's own keypress object. */
interface Keypress {
  readonly name?: string;
  readonly ctrl: boolean;
}

/** Whether standard input and output are terminals. */
export function hasTerminal(): boolean {
  return Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
}

/** Standard input and output; disposing of it restores them. */
export class TerminalScreen implements Screen, AsyncDisposable {
  readonly #hasColours: boolean;
  readonly #bytes = new PassThrough();
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #reading: Promise<void> | undefined;

  constructor(options: { colours: boolean }) {
    this.#hasColours = options.colours;
    this.#reader = Deno.stdin.readable.getReader();
    Deno.stdin.setRaw(true);
    write(ENTER);
  }

  size(): Size {
    const { columns, rows } = Deno.consoleSize();
    return { columns: columns || STANDARD_SIZE.columns, rows: rows || STANDARD_SIZE.rows };
  }

  draw(lines: readonly Line[]): void {
    const texts = lines.map((line) => CLEAR_LINE + painted(line, this.#hasColours));
    write(BEGIN_UPDATE + HOME + texts.join("\r\n") + CLEAR_BELOW + END_UPDATE);
  }

  listen(onKey: (key: Key) => void, onEnd: () => void): void {
    // Node.js uses only this property of an interface; the default is half a second.
    emitKeypressEvents(this.#bytes, { escapeCodeTimeout: ESCAPE_TIMEOUT } as unknown as Interface);
    this.#bytes.on("keypress", (text: string | undefined, { name, ctrl }: Keypress) => {
      onKey({ name, text, isControl: ctrl });
    });
    // A read error means that the terminal is gone, which is also an end.
    this.#reading = this.#read().catch(() => {}).then(onEnd);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    write(LEAVE);
    Deno.stdin.setRaw(false);
    this.#bytes.destroy();
    await this.#reader.cancel();
    await this.#reading;
  }

  async #read(): Promise<void> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) return;
      this.#bytes.write(value);
    }
  }
}
