import assert from "node:assert/strict";
import fc from "fast-check";
import { converse, splits } from "../../../../support/fakes/check_exchange.ts";

const SMTP = {
  script: [{ expect: { regex: "^220 .*\r\n" } }, { send: "QUIT\r\n" }, { expect: "221" }],
};

Deno.test("a script sends and expects in turn, however the answers are split", async () => {
  for (const pieces of splits("220-mail\r\n220 mail ESMTP\r\n221 bye\r\n")) {
    assert.deepEqual(await converse(SMTP, pieces), { result: 'good: answered "221"', sent: "QUIT\r\n" });
  }
});

Deno.test("a script reads on after what matched", async () => {
  const script = [{ expect: "+OK" }, { expect: "\r\n+PONG" }, { expect: { contains: "c" } }, { expect: "d" }];
  assert.equal((await converse({ script }, ["+OK\r\n+PONG abcd"])).result, 'good: answered "d"');
  assert.equal(
    (await converse({ script: script.toSpliced(1, 1) }, ["+OK\r\n+PONG abcx"])).result,
    'bad: step 3: answered "x" instead of "d"',
  );
});

Deno.test("a script does not send before it has got what it expects", async () => {
  for (const pieces of splits("220-mail\r\n220")) {
    const { result, sent } = await converse(SMTP, pieces);
    assert.deepEqual(
      { result, sent },
      {
        result: 'late: step 1: answered "220-mail\\r\\n220" without a match of ^220 .*\\r\\n within 2s',
        sent: "",
      },
    );
  }
});

Deno.test("a script names the step that failed, and what came instead", async () => {
  const cases: [answers: (string | null)[], result: string][] = [
    [[], "late: step 1: no answer within 2s"],
    [[null], "bad: step 1: closed before it answered"],
    [["554 no\r\n", null], 'bad: step 1: answered "554 no\\r\\n" without a match of ^220 .*\\r\\n'],
    [["220 \r\n"], "late: step 3: no answer within 2s"],
    [["220 \r\n", null], "bad: step 3: closed before it answered"],
    [["220 \r\n", "22"], 'late: step 3: answered only "22" within 2s'],
    [["220 \r\n", "500 \0"], 'bad: step 3: answered "500 \\x00" instead of "221"'],
  ];
  for (const [answers, result] of cases) assert.equal((await converse(SMTP, answers)).result, result);
});

Deno.test("send and expect are a script of two steps without numbers", async () => {
  const check = { send: "INFO\r\n", expect: { contains: "role:master" } };
  assert.deepEqual(await converse(check, ["$9\r\nrole:mas", "ter\r\n"]), {
    result: 'good: answered "role:master"',
    sent: "INFO\r\n",
  });
  assert.equal(
    (await converse(check, ["role:slave", null])).result,
    'bad: answered "role:slave" without "role:master"',
  );
});

Deno.test("a script looks at the first 16 KiB of an answer", async () => {
  const check = { expect: { contains: "x" } };
  const filler = "a".repeat(16 * 1024 - 1);
  assert.equal((await converse(check, [`${filler}x`])).result, 'good: answered "x"');
  const { result } = await converse(check, [`${filler}ax`]);
  assert.match(result, /^bad: answered "a{160}…" without "x" in the first 16 KiB$/);
});

Deno.test("a script that ends with bytes to send is good once they are sent", async () => {
  const script = [{ expect: "a" }, { send: "b" }];
  assert.deepEqual(await converse({ script }, ["a"]), { result: 'good: answered "a"', sent: "b" });
});

Deno.test("a regular expression sees each byte as one character", async () => {
  const check = { expect: { regex: "^[^]{3}\\x00\\n$" } };
  for (const pieces of splits("\xff\xc3\xbc\0\n")) {
    assert.equal((await converse(check, pieces)).result, 'good: answered "\\xff\\xc3\\xbc\\x00\\n"');
  }
  assert.match((await converse({ expect: { regex: "x*" } }, [null])).result, /^bad: closed/);
});

Deno.test("a script never fails otherwise than with a verdict, whatever comes", async () => {
  const script = [{ expect: { regex: "[ab]*c" } }, { send: "x" }, { expect: { contains: "hex:00ff" } }];
  const piece = fc.array(fc.constantFrom("a", "c", "\0", "\xff"), { minLength: 1, maxLength: 30 })
    .map((characters) => characters.join(""));
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 4 }), async (pieces) => {
      const whole = await converse({ script }, [pieces.join(""), null].filter((each) => each !== ""));
      const parts = await converse({ script }, [...pieces, null]);
      assert.deepEqual(parts, whole);
      assert.match(whole.result, /^(good|bad): /);
    }),
    { numRuns: 50 },
  );
});
