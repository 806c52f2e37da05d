/** The program's log: lines on stderr that never delay traffic. The only importer of `@std/log`. */

import { BaseHandler } from "@std/log/base-handler";
import type { LevelName } from "@std/log/levels";
import { Logger, type LogRecord } from "@std/log/logger";
import { LineQueue } from "./line_queue.ts";

export type Level = "debug" | "info" | "warn" | "error";

/** A line has a message, and fields for programs. */
export interface Log {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /** Whether lines of this level are written; check it before building an expensive one. */
  enabled(level: Level): boolean;
  /** Resolves when everything logged so far is written, at the latest after a second. */
  flush(): Promise<void>;
}

/** A log that a reload may change. */
export interface ProgramLog extends Log {
  /** Lines dropped since the start, because the output was too slow or could not be written. */
  readonly dropped: number;
  /** Sets level and format of later lines. */
  adjust(options: Pick<LogOptions, "level" | "format">): void;
}

export interface LogOptions {
  readonly level: Level;
  readonly format: "text" | "json";
  /** ANSI colours in the text format. */
  readonly colors: boolean;
  /** Where lines go. */
  readonly output: { write(bytes: Uint8Array): Promise<number> };
  /** Takes each line as well; it must not block. */
  readonly exported?: ((level: Level, line: string) => void) | undefined;
}

const SEVERITY: Record<Level, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/** Whether a log whose lowest level is `least` writes lines of `level`. */
export function isLogged(level: Level, least: Level): boolean {
  return SEVERITY[level] >= SEVERITY[least];
}

const COLORS: Record<string, string> = {
  DEBUG: "\x1b[2m",
  INFO: "\x1b[36m",
  WARN: "\x1b[33m",
  ERROR: "\x1b[31m",
};
const RESET_COLOR = "\x1b[0m";

/** Makes a log that writes through a bounded queue. */
export function createLog(options: LogOptions): ProgramLog {
  const { output, colors, exported } = options;
  let { level, format } = options;
  const lineOf = (record: LineRecord) => format === "json" ? formatJson(record) : formatText(record, colors);
  const queue = new LineQueue({
    write: (bytes) => output.write(bytes),
    describeDrops: (dropped) =>
      lineOf({ levelName: "WARN", datetime: new Date(), msg: "Log lines dropped", args: [{ dropped }] }),
  });
  // The level is checked here, because that of a Logger cannot change.
  const logger = new Logger("sluice", "DEBUG", { handlers: [new QueueHandler("DEBUG", queue, lineOf)] });
  const logAt = (wanted: Level): Log["info"] => (message, fields) => {
    if (!isLogged(wanted, level)) return;
    logger[wanted](message, fields);
    exported?.(wanted, format === "json" ? jsonLine({ message, ...fields }) : plainLine(message, fields));
  };
  return {
    debug: logAt("debug"),
    info: logAt("info"),
    warn: logAt("warn"),
    error: logAt("error"),
    enabled: (wanted) => isLogged(wanted, level),
    get dropped() {
      return queue.dropped;
    },
    flush: () => queue.flush(),
    adjust: (adjusted) => void ({ level, format } = adjusted),
  };
}

/** A log that discards everything, for library users. */
export function silentLog(): ProgramLog {
  const nothing = () => {};
  return {
    debug: nothing,
    info: nothing,
    warn: nothing,
    error: nothing,
    enabled: () => false,
    dropped: 0,
    flush: () => Promise.resolve(),
    adjust: nothing,
  };
}

/** Without time and level, which an exporter knows. */
function plainLine(message: string, fields: Fields = {}): string {
  return `${escapeUnsafe(message)} ${textLine(fields)}`.trimEnd();
}

type LineRecord = Pick<LogRecord, "levelName" | "datetime" | "msg" | "args">;

class QueueHandler extends BaseHandler {
  readonly #queue: LineQueue;

  constructor(level: LevelName, queue: LineQueue, format: (record: LineRecord) => string) {
    super(level, { formatter: format });
    this.#queue = queue;
  }

  override log(line: string): void {
    this.#queue.push(line);
  }
}

function fieldsOf(record: LineRecord): Fields {
  return (record.args[0] ?? {}) as Fields;
}

function formatJson(record: LineRecord): string {
  return jsonLine({
    time: record.datetime.toISOString(),
    level: record.levelName.toLowerCase(),
    message: record.msg,
    ...fieldsOf(record),
  });
}

function formatText(record: LineRecord, colors: boolean): string {
  const time = record.datetime.toISOString().replace("T", " ").replace("Z", "");
  const level = record.levelName.toLowerCase().padEnd(5);
  const fields = textLine(fieldsOf(record));
  const painted = colors ? `${COLORS[record.levelName] ?? ""}${level}${RESET_COLOR}` : level;
  const line = `${time} ${painted} ${escapeUnsafe(record.msg)}`;
  if (fields === "") return line;
  return colors ? `${line} \x1b[2m${fields}${RESET_COLOR}` : `${line} ${fields}`;
}

/** The fields of a line by name; undefined values are left out. */
export type Fields = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * Characters that could end a line, control a terminal, or disguise a line as another one: control characters, line and
 * paragraph separators, and invisible formatting characters, such as those that change the direction of text.
 * `JSON.stringify` escapes only the first 32 of them, and halves of surrogate pairs.
 */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
/** A value that needs no quotes in `key=value`. */
const PLAIN = /^[^\s"=\p{Cc}\p{Cf}\p{Cs}]+$/u;

/** One JSON object. */
export function jsonLine(fields: Fields): string {
  return escapeUnsafe(JSON.stringify(fields));
}

/** `key=value`, separated by spaces; ambiguous values are quoted as in JSON. */
export function textLine(fields: Fields): string {
  let line = "";
  for (const key in fields) {
    const value = fields[key];
    if (value === undefined) continue;
    line += `${line === "" ? "" : " "}${key}=${typeof value === "string" ? quoteIfNeeded(value) : value}`;
  }
  return line;
}

/** Escapes unsafe characters, as in `\u202e`. */
export function escapeUnsafe(text: string): string {
  return text.replace(UNSAFE, (character) => {
    let escaped = "";
    for (let index = 0; index < character.length; index++) {
      escaped += `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`;
    }
    return escaped;
  });
}

function quoteIfNeeded(text: string): string {
  return PLAIN.test(text) ? text : escapeUnsafe(JSON.stringify(text));
}
