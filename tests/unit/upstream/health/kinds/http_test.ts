import assert from "node:assert/strict";
import { converse, splits } from "../../../../support/fakes/check_exchange.ts";

const OK = "HTTP/1.1 200 OK\r\n";
const RUNNING = { http: { body: { contains: '"running"' } } };

Deno.test("an HTTP check sends a request and judges the status line alone", async () => {
  for (const pieces of splits(OK)) {
    assert.deepEqual(await converse({ http: {} }, pieces), {
      result: 'good: answered "HTTP/1.1 200 OK"',
      sent: "GET / HTTP/1.1\r\nHost: db:1\r\nUser-Agent: sluice\r\nAccept: */*\r\nConnection: close\r\n\r\n",
    });
  }
  const http = { method: "OPTIONS", path: "/primary?lag=1", host: "patroni" };
  assert.match(
    (await converse({ http }, [OK])).sent,
    /^OPTIONS \/primary\?lag=1 HTTP\/1.1\r\nHost: patroni\r\n/,
  );
});

Deno.test("an HTTP check compares the status with codes, classes and ranges", async () => {
  const cases: [status: unknown, answer: number, outcome: string][] = [
    [undefined, 204, "good"],
    [undefined, 302, "bad"],
    [200, 200, "good"],
    ["200", 201, "bad"],
    ["5xx", 503, "good"],
    [["200-203", 404], 203, "good"],
    [["200-203", 404], 404, "good"],
    [["200-203", 404], 204, "bad"],
  ];
  for (const [status, answer, outcome] of cases) {
    const http = status === undefined ? {} : { status };
    const { result } = await converse({ http }, [`HTTP/1.1 ${answer} x\r\n\r\n`]);
    assert.ok(result.startsWith(outcome), `${status} ${result}`);
  }
  const http = { status: [200, "3xx"] };
  assert.equal(
    (await converse({ http }, ["HTTP/1.1 503 Service Unavailable\r\n"])).result,
    'bad: answered "HTTP/1.1 503 Service Unavailable" instead of 200, 300-399',
  );
});

Deno.test("an HTTP check finds what the body must have, in every framing and however it is split", async () => {
  const framings = [
    `${OK}Content-Length: 20\r\n\r\n{"state": "running"}`,
    `${OK}\r\n{"state": "running"}`,
    `${OK}Transfer-Encoding: gzip, Chunked\r\n\r\nc;x=y\r\n{"state": "r\r\n08\r\nunning"}\r\n0\r\n\r\n`,
    `HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n${OK}\r\n"running"`,
    'HTTP/1.0 200 OK\nContent-Type: text/plain\n\n"running"',
  ];
  for (const answer of framings) {
    for (const pieces of splits(answer)) {
      const { result } = await converse(RUNNING, pieces);
      assert.match(result, /^good: answered "HTTP\/1\.\d 200 OK" with the body "\\"running\\""$/);
    }
  }
});

Deno.test("an HTTP check fails as soon as the body is complete, or cannot match", async () => {
  const cases: [answer: string, unmet: string][] = [
    [`${OK}Content-Length: 4\r\n\r\nstop`, '"stop" without "\\"running\\""'],
    [`${OK}Content-Length: 0\r\n\r\n`, '"" without "\\"running\\""'],
    [`${OK}Transfer-Encoding: chunked\r\n\r\n4\r\nstop\r\n0\r\n`, '"stop" without "\\"running\\""'],
    [`${OK}Transfer-Encoding: chunked\r\n\r\n4\r\nstop\r\nnothing\r\n`, '"stop" without "\\"running\\""'],
    ["HTTP/1.1 204 No Content\r\n\r\n", '"" without "\\"running\\""'],
  ];
  for (const [answer, unmet] of cases) {
    const { result } = await converse(RUNNING, [answer]);
    assert.ok(result.endsWith(`with the body ${unmet}`) && result.startsWith("bad: "), result);
  }
  const begins = { http: { body: { begins: "yes" } } };
  assert.equal(
    (await converse(begins, [`${OK}\r\nyel`])).result,
    'bad: answered "HTTP/1.1 200 OK" with the body "yel" instead of "yes"',
  );
});

Deno.test("an HTTP check says what came that is no answer", async () => {
  const cases: [answers: (string | null)[], result: string][] = [
    [[], "late: no answer within 2s"],
    [[null], "bad: closed before it answered"],
    [["SSH-2.0-x\r\n"], 'bad: answered "SSH-2.0-x\\r\\n" instead of HTTP'],
    [["HTTP/2 200\r\n"], 'bad: answered "HTTP/2 200\\r\\n" instead of HTTP'],
    [["HTTP/1.1 2x0\r\n"], 'bad: answered "HTTP/1.1 2x0\\r\\n" instead of HTTP'],
    [["HTTP/1.1 2"], 'late: answered only "HTTP/1.1 2" within 2s'],
    [["HTTP/1.1 2", null], 'bad: answered only "HTTP/1.1 2"'],
    [["HTTP/1.1 100 Continue\r\n", null], 'bad: answered only "HTTP/1.1 100 Continue\\r\\n"'],
    [["HTTP/1.1 " + "2".repeat(20_000)], `bad: answered only "HTTP/1.1 ${"2".repeat(151)}…"`],
  ];
  for (const [answers, result] of cases) assert.equal((await converse({ http: {} }, answers)).result, result);
  const waiting = await converse(RUNNING, [`${OK}A: b`]);
  assert.equal(
    waiting.result,
    'late: answered "HTTP/1.1 200 OK" with the body "" without "\\"running\\"" within 2s',
  );
});

Deno.test("an HTTP check reads 16 KiB and no more, headers included", async () => {
  const endless = `${OK}${"A: b\r\n".repeat(4000)}\r\n"running"`;
  assert.match((await converse(RUNNING, [endless])).result, /^bad: .* in the first 16 KiB$/);
  const late = `${OK}\r\n${"x".repeat(20_000)}"running"`;
  assert.match((await converse(RUNNING, [late])).result, /^bad: .* in the first 16 KiB$/);
});
