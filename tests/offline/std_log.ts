/**
 * Stands in for `@std/log` where JSR cannot be reached: levels, records, a logger and the base of a handler, as
 * far as sluice uses them. tests/unit/std_packages_test.ts holds both to the same behaviour.
 */

export const LogLevels = { NOTSET: 0, DEBUG: 10, INFO: 20, WARN: 30, ERROR: 40, CRITICAL: 50 } as const;
export type LevelName = keyof typeof LogLevels;
export type LogLevel = typeof LogLevels[LevelName];

function levelByName(name: LevelName): LogLevel {
  const level = LogLevels[name];
  if (level === undefined) throw new Error(`Cannot get log level: no level named ${name}`);
  return level;
}

/** One message on its way to the handlers. */
export class LogRecord {
  readonly msg: string;
  readonly level: number;
  readonly levelName: string;
  readonly loggerName: string;
  readonly #args: unknown[];
  readonly #datetime = new Date();

  constructor(options: { msg: string; args: unknown[]; level: LogLevel; loggerName: string }) {
    this.msg = options.msg;
    this.#args = [...options.args];
    this.level = options.level;
    this.levelName = Object.entries(LogLevels).find(([, level]) => level === options.level)?.[0] ?? "NOTSET";
    this.loggerName = options.loggerName;
  }

  get args(): unknown[] {
    return [...this.#args];
  }

  get datetime(): Date {
    return new Date(this.#datetime.getTime());
  }
}

export type FormatterFunction = (logRecord: LogRecord) => string;

/** Formats the records of its level and above and hands the text to `log`. */
export abstract class BaseHandler {
  formatter: FormatterFunction;
  #levelName: LevelName;

  constructor(levelName: LevelName, options: { formatter?: FormatterFunction } = {}) {
    levelByName(levelName);
    this.#levelName = levelName;
    this.formatter = options.formatter ?? ((record) => `${record.levelName} ${record.msg}`);
  }

  get level(): LogLevel {
    return levelByName(this.#levelName);
  }

  get levelName(): LevelName {
    return this.#levelName;
  }

  set levelName(levelName: LevelName) {
    levelByName(levelName);
    this.#levelName = levelName;
  }

  handle(logRecord: LogRecord): void {
    if (this.level > logRecord.level) return;
    this.log(this.format(logRecord));
  }

  format(logRecord: LogRecord): string {
    return this.formatter(logRecord);
  }

  abstract log(msg: string): void;

  setup(): void {}

  destroy(): void {}

  [Symbol.dispose](): void {
    this.destroy();
  }
}

/** Passes messages of its level and above to its handlers, and returns the message. */
export class Logger {
  handlers: BaseHandler[];
  readonly #loggerName: string;
  #levelName: LevelName;

  constructor(loggerName: string, levelName: LevelName, options: { handlers?: BaseHandler[] } = {}) {
    levelByName(levelName);
    this.#loggerName = loggerName;
    this.#levelName = levelName;
    this.handlers = options.handlers ?? [];
  }

  get loggerName(): string {
    return this.#loggerName;
  }

  get level(): LogLevel {
    return levelByName(this.#levelName);
  }

  get levelName(): LevelName {
    return this.#levelName;
  }

  set levelName(levelName: LevelName) {
    levelByName(levelName);
    this.#levelName = levelName;
  }

  debug(msg: string, ...args: unknown[]): string {
    return this.#log(LogLevels.DEBUG, msg, args);
  }

  info(msg: string, ...args: unknown[]): string {
    return this.#log(LogLevels.INFO, msg, args);
  }

  warn(msg: string, ...args: unknown[]): string {
    return this.#log(LogLevels.WARN, msg, args);
  }

  error(msg: string, ...args: unknown[]): string {
    return this.#log(LogLevels.ERROR, msg, args);
  }

  critical(msg: string, ...args: unknown[]): string {
    return this.#log(LogLevels.CRITICAL, msg, args);
  }

  #log(level: LogLevel, msg: string, args: unknown[]): string {
    if (this.level > level) return msg;
    const record = new LogRecord({ msg, args, level, loggerName: this.#loggerName });
    for (const handler of this.handlers) handler.handle(record);
    return msg;
  }
}
