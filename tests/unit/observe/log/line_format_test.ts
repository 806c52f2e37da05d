import assert from "node:assert/strict";
import fc from "fast-check";
import { createLog, escapeUnsafe, jsonLine, textLine } from "../../../../src/observe/log/log.ts";

/** Values that break lines, drive terminals, or look like something else. */
const NASTY: [value: string, written: string][] = [
  ["a\nb", String.raw`"a\nb"`],
  ["a\r\nevent=faked", String.raw`"a\r\nevent=faked"`],
  ["\x1b[31mred", String.raw`"\u001b[31mred"`],
  ["\0", String.raw`"\u0000"`],
  ["\x7f", String.raw`"\u007f"`],
  // Two of the C1 controls: next line, and a terminal's escape in one character.
  ["a\x85b", String.raw`"a\u0085b"`],
  ["\x9b31m", String.raw`"\u009b31m"`],
  ["a\u2028b", String.raw`"a\u2028b"`],
  ["a\u2029b", String.raw`"a\u2029b"`],
  ["moc.\u202elive", String.raw`"moc.\u202elive"`],
  ["zero\u200bwidth", String.raw`"zero\u200bwidth"`],
  ["\ufeffmark", String.raw`"\ufeffmark"`],
  ["tag\u{e0041}", String.raw`"tag\udb40\udc41"`],
  ["half \ud800", String.raw`"half \ud800"`],
  ["half\udfff", String.raw`"half\udfff"`],
];

const units = fc.string({
  unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
});
const nasty = fc.oneof(
  units,
  fc.constantFrom(...NASTY.map(([value]) => value)),
  fc.string({ unit: "binary" }),
);

Deno.test("textLine() writes key=value, without undefined values", () => {
  const fields = { event: "x", sni: undefined, port: 5, ok: true, ms: 0.5 };
  assert.equal(textLine(fields), "event=x port=5 ok=true ms=0.5");
  assert.equal(textLine({ sni: undefined }), "");
});

Deno.test("textLine() quotes only ambiguous values", () => {
  const plain = [
    "a",
    "127.0.0.1:80",
    "[::1]:80",
    "unix:/a/b",
    "bücher.example",
    "CN:x",
    "a\\b",
    "日本",
    "🦕",
  ];
  for (const value of plain) assert.equal(textLine({ value }), `value=${value}`);
  const quoted: [string, string][] = [
    ["", '""'],
    ["a b", '"a b"'],
    ["CN=x", '"CN=x"'],
    ['say "x"', String.raw`"say \"x\""`],
    ["no\u00a0break", '"no\u00a0break"'],
  ];
  for (const [value, written] of quoted) assert.equal(textLine({ value }), `value=${written}`);
});

Deno.test("textLine() and jsonLine() escape line breaks, control and invisible characters", () => {
  for (const [value, written] of NASTY) {
    assert.equal(textLine({ sni: value }), `sni=${written}`);
    assert.equal(jsonLine({ sni: value }), `{"sni":${written}}`);
  }
});

Deno.test("jsonLine() writes one harmless line, from which the values can be read back", () => {
  fc.assert(fc.property(nasty, nasty, (sni, subject) => {
    const line = jsonLine({ sni, subject, bytes: 7 });
    assertHarmless(line);
    assert.deepEqual(JSON.parse(line), { sni, subject, bytes: 7 });
  }));
});

Deno.test("textLine() writes one harmless line, from which the values can be read back", () => {
  fc.assert(fc.property(nasty, nasty, (sni, subject) => {
    const line = textLine({ sni, subject, bytes: 7 });
    assertHarmless(line);
    const [, ...values] = /^sni=("(?:[^"\\]|\\.)*"|[^\s"]+) subject=("(?:[^"\\]|\\.)*"|[^\s"]+) bytes=7$/
      .exec(line)!;
    assert.deepEqual(values.map((value) => value.startsWith('"') ? JSON.parse(value) : value), [
      sni,
      subject,
    ]);
  }));
});

Deno.test("escapeUnsafe() keeps a message except for unsafe characters", () => {
  assert.equal(escapeUnsafe('db: "closed", a=b ünd 🦕'), 'db: "closed", a=b ünd 🦕');
  assert.equal(escapeUnsafe("a\nb\x1b"), String.raw`a\u000ab\u001b`);
});

function assertHarmless(line: string): void {
  assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
}

Deno.test("createLog() exports the lines of its level, without time and colours", async () => {
  const exported: string[][] = [];
  const log = createLog({
    level: "info",
    format: "text",
    colors: true,
    output: { write: (bytes) => Promise.resolve(bytes.length) },
    exported: (level, line) => exported.push([level, line]),
  });
  log.debug("Not logged");
  log.info("Ready", { event: "ready", port: 5 });
  log.warn("a\nb");
  log.adjust({ level: "warn", format: "json" });
  log.info("Not logged");
  log.error("Broken", { code: "x" });
  await log.flush();
  assert.deepEqual(exported, [
    ["info", "Ready event=ready port=5"],
    ["warn", String.raw`a\u000ab`],
    ["error", '{"message":"Broken","code":"x"}'],
  ]);
});
