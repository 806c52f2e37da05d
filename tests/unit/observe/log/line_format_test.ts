import assert from "node:assert/strict";
import fc from "fast-check";
import { escapeUnsafe, jsonLine, textLine } from "../../../../src/observe/log/log.ts";

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

Deno.test("a line of text is key=value, without undefined values", () => {
  const fields = { event: "x", sni: undefined, port: 5, ok: true, ms: 0.5 };
  assert.equal(textLine(fields), "event=x port=5 ok=true ms=0.5");
  assert.equal(textLine({ sni: undefined }), "");
});

Deno.test("a value of a line of text is in quotes only where it could be mistaken", () => {
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

Deno.test("line breaks, control and invisible characters are escaped, in text and in JSON", () => {
  for (const [value, written] of NASTY) {
    assert.equal(textLine({ sni: value }), `sni=${written}`);
    assert.equal(jsonLine({ sni: value }), `{"sni":${written}}`);
  }
});

Deno.test("a line of JSON is one harmless line, and its values are read back as they were", () => {
  fc.assert(fc.property(nasty, nasty, (sni, subject) => {
    const line = jsonLine({ sni, subject, bytes: 7 });
    assertHarmless(line);
    assert.deepEqual(JSON.parse(line), { sni, subject, bytes: 7 });
  }));
});

Deno.test("a line of text is one harmless line, and its values are read back as they were", () => {
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

Deno.test("a message is kept except for unsafe characters", () => {
  assert.equal(escapeUnsafe('db: "closed", a=b ünd 🦕'), 'db: "closed", a=b ünd 🦕');
  assert.equal(escapeUnsafe("a\nb\x1b"), String.raw`a\u000ab\u001b`);
});

function assertHarmless(line: string): void {
  assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
}
