/**
 * The parts of `@std/cli`, `@std/yaml` and `@std/log` that sluice uses, as it uses them. These tests pass with the real
 * packages and with the stand-ins in tests/offline: to use another part, first write a test for it here.
 */

import assert from "node:assert/strict";
import { parseArgs } from "@std/cli/parse-args";
import { BaseHandler } from "@std/log/base-handler";
import { type LevelName, LogLevels } from "@std/log/levels";
import { Logger, type LogRecord } from "@std/log/logger";
import { parse } from "@std/yaml/parse";

// The parsers make objects with or without a prototype; only the contents count here.
const plain = (value: unknown) => structuredClone(value);

function parseCommandLine(args: string[]) {
  const unknown: string[] = [];
  const flags = parseArgs(args, {
    boolean: ["help", "print-ready", "color"],
    string: ["_", "config", "log-level", "ready-file", "for", "set"],
    collect: ["set"],
    negatable: ["color"],
    alias: { config: "c", help: "h", set: "s" },
    default: { "log-level": "info", color: true },
    unknown: (arg) => {
      if (!arg.startsWith("-")) return true;
      unknown.push(arg);
      return false;
    },
  });
  return { flags, unknown };
}

Deno.test("parseArgs() without arguments gives the defaults", () => {
  const { flags, unknown } = parseCommandLine([]);
  // The annotations are part of the test: the types must be the same with both packages.
  const help: boolean = flags.help;
  const config: string | undefined = flags.config;
  const level: string = flags["log-level"];
  const sets: string[] = flags.set;
  const positional: (string | number)[] = flags._;
  assert.deepEqual({ help, config, level, sets, positional }, {
    help: false,
    config: undefined,
    level: "info",
    sets: [],
    positional: [],
  });
  assert.equal(flags["print-ready"], false);
  assert.equal(flags.color, true);
  assert.equal(Object.hasOwn(flags, "ready-file"), false);
  assert.deepEqual(unknown, []);
});

for (
  const args of [["--config", "a.yaml"], ["--config=a.yaml"], ["-c", "a.yaml"], ["-c=a.yaml"], [
    "-c",
    "b.yaml",
    "--config",
    "a.yaml",
  ]]
) {
  Deno.test(`parseArgs() reads a string flag from ${args.join(" ")}`, () => {
    assert.equal(parseCommandLine(args).flags.config, "a.yaml");
  });
}

Deno.test("parseArgs() gives a string flag without a value the empty string", () => {
  assert.equal(parseCommandLine(["--config"]).flags.config, "");
  assert.equal(parseCommandLine(["--config="]).flags.config, "");
  assert.equal(parseCommandLine(["-c"]).flags.config, "");
  const { flags } = parseCommandLine(["--config", "--help"]);
  assert.deepEqual([flags.config, flags.help], ["", true]);
});

Deno.test("parseArgs() keeps the values of string flags as they are", () => {
  const { flags } = parseCommandLine(["--for", "5", "--ready-file", "007", "-c", "-"]);
  assert.deepEqual([flags.for, flags["ready-file"], flags.config], ["5", "007", "-"]);
  assert.equal(parseCommandLine(["--config=a=b"]).flags.config, "a=b");
});

Deno.test("parseArgs() keeps positional arguments as they are, in order, after boolean flags too", () => {
  const { flags } = parseCommandLine([
    "5000=db.internal:5432",
    "--print-ready",
    "127.0.0.1:6379=unix:/run/redis.sock",
    "-h",
    "8080",
    "[::1]:0=80",
    "0x10",
  ]);
  assert.deepEqual(flags._, [
    "5000=db.internal:5432",
    "127.0.0.1:6379=unix:/run/redis.sock",
    "8080",
    "[::1]:0=80",
    "0x10",
  ]);
  assert.deepEqual([flags.help, flags["print-ready"]], [true, true]);
});

Deno.test("parseArgs() collects repeated flags and takes the last of any other", () => {
  const { flags } = parseCommandLine([
    "--set",
    "a=1",
    "-s",
    "b=2",
    "--for",
    "1s",
    "--for",
    "2s",
    "--help",
    "--help",
  ]);
  assert.deepEqual(flags.set, ["a=1", "b=2"]);
  assert.equal(flags.for, "2s");
  assert.equal(flags.help, true);
  assert.deepEqual(parseCommandLine(["--set", "a=1"]).flags.set, ["a=1"]);
});

Deno.test("parseArgs() negates only what is negatable", () => {
  assert.equal(parseCommandLine(["--no-color"]).flags.color, false);
  const { flags, unknown } = parseCommandLine(["--help", "--no-help"]);
  assert.equal(flags.help, true);
  assert.deepEqual(unknown, ["--no-help"]);
});

Deno.test("parseArgs() reports unknown flags as they were written", () => {
  const { flags, unknown } = parseCommandLine(["check", "--confg", "--x=1", "-z", "--no-such", "--help"]);
  assert.deepEqual(unknown, ["--confg", "--x=1", "-z", "--no-such"]);
  assert.deepEqual(flags._, ["check"]);
  assert.equal(flags.help, true);
});

Deno.test("parseArgs() reads boolean flags with a value", () => {
  assert.equal(parseCommandLine(["--help=false"]).flags.help, false);
  assert.equal(parseCommandLine(["--help=true"]).flags.help, true);
  assert.equal(parseCommandLine(["--help", "false"]).flags.help, false);
});

Deno.test("parseArgs() stops early on request", () => {
  const flags = parseArgs(["--help", "demo", "--for", "3s", "--no-x", "-c"], {
    boolean: ["help"],
    string: ["_"],
    stopEarly: true,
  });
  assert.deepEqual([flags.help, flags._], [true, ["demo", "--for", "3s", "--no-x", "-c"]]);
});

Deno.test("parseArgs() reads nothing after --", () => {
  const separate = parseArgs(["a", "--", "--help", "b"], { boolean: ["help"], string: ["_"], "--": true });
  const rest: string[] = separate["--"];
  assert.deepEqual([separate.help, separate._, rest], [false, ["a"], ["--help", "b"]]);
  const joined = parseArgs(["a", "--", "--help", "7"], { boolean: ["help"], string: ["_"] });
  assert.deepEqual([joined.help, joined._], [false, ["a", "--help", "7"]]);
});

for (
  const [text, value] of [
    ["", null],
    ["# nothing but a comment\n", null],
    ["~", null],
    ["a:", { a: null }],
    ["a: true\nb: False\nc: yes\nd: on", { a: true, b: false, c: "yes", d: "on" }],
    ["a: 12\nb: -1\nc: +3\nd: 1_000\ne: 0x1F\nf: 0b11", { a: 12, b: -1, c: 3, d: 1000, e: 31, f: 3 }],
    ["mode: 0660", { mode: 0o660 }],
    ["mode: 0o660", { mode: "0o660" }],
    ["mode: '0660'", { mode: "0660" }],
    ["a: 08", { a: "08" }],
    ["a: 1.5\nb: .5\nc: 1e3\nd: .inf", { a: 1.5, b: 0.5, c: 1000, d: Infinity }],
    ["a: 30s\nb: 64KiB\nc: 10m\nd: 1.5s", { a: "30s", b: "64KiB", c: "10m", d: "1.5s" }],
    ["a: 127.0.0.1:80\nb: :80\nc: unix:/run/x.sock", { a: "127.0.0.1:80", b: ":80", c: "unix:/run/x.sock" }],
    ["a: 80:22\nb: 1:30.5\nc: 3:25:45", { a: "80:22", b: "1:30.5", c: "3:25:45" }],
    ["a: '[::1]:80'", { a: "[::1]:80" }],
    ["a: ${PORT:-80}", { a: "${PORT:-80}" }],
    ["a: b # comment\nc: d#e", { a: "b", c: "d#e" }],
    ["- a\n- - b\n  - c\n-\n  d: e", ["a", ["b", "c"], { d: "e" }]],
    ["[a, 1, {b: c}, [], {}]", ["a", 1, { b: "c" }, [], {}]],
    ["a: |\n  x\n   y\n\nb: >-\n  x\n  y\n", { a: "x\n y\n", b: "x y" }],
    ["a: \"x\\ty\\u00e9\"\nb: 'it''s'", { a: "x\tyé", b: "it's" }],
    ["80: a\ntrue: b", { "80": "a", "true": "b" }],
    ["base: &b {x: 1, y: 2}\nc: {<<: *b, y: 3}\nd: *b", {
      base: { x: 1, y: 2 },
      c: { x: 1, y: 3 },
      d: { x: 1, y: 2 },
    }],
    ["--- a\n...\n", "a"],
    ["%YAML 1.2\n---\na: 1\n", { a: 1 }],
    ["\uFEFFa: 1\r\nb: 2\r\n", { a: 1, b: 2 }],
    ["a: 2024-01-02", { a: new Date("2024-01-02T00:00:00Z") }],
    ["__proto__: {x: 1}", JSON.parse('{"__proto__": {"x": 1}}')],
  ] as const
) {
  Deno.test(`parse() reads ${JSON.stringify(text)}`, () => {
    assert.deepEqual(plain(parse(text)), value);
  });
}

for (
  const text of [
    "a: 1\na: 2",
    "{a: 1, a: 2}",
    "x:\n  - b: 1\n    b: 2",
    "a: 1\n b: 2",
    "a: [1\n]: 2\nb",
    "a: [1, 2",
    'a: "x',
    "a: b: c",
    "a: *nowhere",
    "a: 1\n---\nb: 2",
    "a: !!js/function 'function () {}'",
    "a: @b",
    "a: \u0000",
  ]
) {
  Deno.test(`parse() refuses ${JSON.stringify(text)}`, () => {
    assert.throws(() => parse(text), (error) => error instanceof SyntaxError && error.message.length > 0);
  });
}

Deno.test("parse() with the core schema has no merge keys, dates or bytes", () => {
  const text = "a: &a {x: 1}\nb: {<<: *a}\nc: 2001-12-14\nd: 12\ne: 1.5\nf: ~\ng: true\nh: 127:22";
  const value = {
    a: { x: 1 },
    b: { "<<": { x: 1 } },
    c: "2001-12-14",
    d: 12,
    e: 1.5,
    f: null,
    g: true,
    h: "127:22",
  };
  assert.deepEqual(plain(parse(text, { schema: "core" })), value);
  assert.throws(() => parse("a: !!binary aGk=", { schema: "core" }), SyntaxError);
});

Deno.test("parse() says where a mistake is", () => {
  assert.throws(
    () => parse("a: 1\nb:\n  c: 1\n  c: 2\n"),
    /duplicated.* key.* at line 4, column \d+:\n +c: 2\n +\^/s,
  );
});

/** Records the calls of a handler. */
class MemoryHandler extends BaseHandler {
  readonly lines: string[] = [];
  readonly records: LogRecord[] = [];
  destroyed = 0;

  override handle(logRecord: LogRecord): void {
    this.records.push(logRecord);
    super.handle(logRecord);
  }

  override log(msg: string): void {
    this.lines.push(msg);
  }

  override destroy(): void {
    this.destroyed++;
  }
}

Deno.test("LogLevels are in order", () => {
  assert.deepEqual({ ...LogLevels }, { NOTSET: 0, DEBUG: 10, INFO: 20, WARN: 30, ERROR: 40, CRITICAL: 50 });
});

Deno.test("Logger passes on its level and above, with a record of each", () => {
  const handler = new MemoryHandler("NOTSET");
  const logger = new Logger("proxy", "INFO", { handlers: [handler] });
  const before = Date.now();
  logger.debug("d");
  logger.info("i", { bytes: 1 }, "x");
  logger.warn("w");
  logger.error("e");
  logger.critical("c");
  assert.deepEqual(
    handler.records.map(({ msg, level, levelName, loggerName }) => ({ msg, level, levelName, loggerName })),
    [
      { msg: "i", level: LogLevels.INFO, levelName: "INFO", loggerName: "proxy" },
      { msg: "w", level: LogLevels.WARN, levelName: "WARN", loggerName: "proxy" },
      { msg: "e", level: LogLevels.ERROR, levelName: "ERROR", loggerName: "proxy" },
      { msg: "c", level: LogLevels.CRITICAL, levelName: "CRITICAL", loggerName: "proxy" },
    ],
  );
  assert.deepEqual(handler.records[0]?.args, [{ bytes: 1 }, "x"]);
  const at = handler.records[0]?.datetime.getTime() ?? NaN;
  assert.ok(at >= before && at <= Date.now());
  assert.deepEqual(handler.lines, ["INFO i", "WARN w", "ERROR e", "CRITICAL c"]);
});

Deno.test("BaseHandler writes its level and above with its formatter", () => {
  const handler = new MemoryHandler("WARN", {
    formatter: (record) => `${record.loggerName}|${record.levelName}|${record.msg}|${record.args.join()}`,
  });
  const logger = new Logger("a", "DEBUG", { handlers: [handler, handler] });
  logger.info("i");
  logger.error("e", 1, 2);
  assert.deepEqual(handler.lines, ["a|ERROR|e|1,2", "a|ERROR|e|1,2"]);
});

Deno.test("BaseHandler and Logger take another level while they work", () => {
  const handler = new MemoryHandler("ERROR");
  const logger = new Logger("a", "ERROR", { handlers: [handler] });
  logger.info("1");
  const level: LevelName = "INFO";
  logger.levelName = level;
  logger.info("2");
  handler.levelName = level;
  logger.info("3");
  assert.equal(logger.levelName, "INFO");
  assert.deepEqual(handler.lines, ["INFO 3"]);
});

Deno.test("BaseHandler and Logger refuse a level that does not exist", () => {
  assert.throws(() => new MemoryHandler("LOUD" as LevelName), /no level named LOUD/);
  assert.throws(() => new Logger("a", "LOUD" as LevelName), /no level named LOUD/);
});

Deno.test("BaseHandler is set up and destroyed by its owner", () => {
  const handler = new MemoryHandler("INFO");
  {
    using owned = handler;
    owned.setup();
    assert.equal(handler.destroyed, 0);
  }
  assert.equal(handler.destroyed, 1);
});

Deno.test("Logger lets an error of a handler out", () => {
  class Failing extends BaseHandler {
    override log(): void {
      throw new Error("no");
    }
  }
  const logger = new Logger("a", "INFO", { handlers: [new Failing("INFO")] });
  assert.throws(() => logger.info("x"), /^Error: no$/);
});
