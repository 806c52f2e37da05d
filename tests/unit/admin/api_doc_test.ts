/** Compares docs/api.md with the server. */

import assert from "node:assert/strict";
import { ERROR_STATUS } from "../../../src/admin/api_error.ts";
import { EventHub } from "../../../src/admin/events/event_hub.ts";
import { routesOf } from "../../../src/admin/routes.ts";
import { parseDuration } from "../../../src/config/values/duration.ts";
import { silentLog } from "../../../src/observe/log/log.ts";
import { type Example, readExamples, readTable } from "./api_doc.ts";
import { type Fixture, fixture } from "./admin_fixture.ts";
import { CLOSED, FakeBackend, opened } from "./fake_backend.ts";

const DOC = Deno.readTextFileSync(new URL("../../../docs/api.md", import.meta.url));

Deno.test("docs/api.md has examples that do what they say", async (t) => {
  const examples = readExamples(DOC);
  assert.ok(examples.length >= 15, `only ${examples.length} examples`);
  for (const example of examples) {
    await t.step(`${example.method} ${example.path} under "${example.heading}"`, () => run(example));
  }
});

Deno.test("docs/api.md has an example for every route, and no other route", () => {
  const backend = new FakeBackend();
  const events = new EventHub(backend, silentLog());
  const page = new Map([["/", { type: "text/html", body: "" }]]);
  const routes = routesOf({ backend, events, page, parseDuration })
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`).sort();
  const headings = [...DOC.matchAll(/^### `(.*)`$/gm)].map(([, route]) => route!);
  const table = readTable(DOC, "Request").map(([route]) => route);
  assert.deepEqual(headings.toSorted(), routes);
  assert.deepEqual(table.toSorted(), routes);
  const shown = new Set(readExamples(DOC).map(({ heading }) => heading));
  for (const heading of headings) assert.ok(shown.has(`\`${heading}\``), heading);
});

Deno.test("docs/api.md lists every error with its status", () => {
  const listed = readTable(DOC, "Status").map(([status, code]) => [code, Number(status)]);
  assert.deepEqual(Object.fromEntries(listed), ERROR_STATUS);
});

async function run({ heading, method, path, headers, body, answer }: Example): Promise<void> {
  await using admin = await fixture({
    token: heading === "With a token" ? "correct-horse-battery" : undefined,
  });
  const response = await fetch(admin.url + path, { method, headers, ...body === undefined ? {} : { body } });
  for (const [name, value] of answer.headers) assert.equal(response.headers.get(name), value, name);
  const type = response.headers.get("content-type");
  const text = type === "text/event-stream"
    ? await readEvents(admin, response, answer.body.length)
    : await response.text();
  assert.equal(response.status, answer.status, text);
  if (type === "application/json") assert.deepEqual(JSON.parse(text), JSON.parse(answer.body));
  else if (answer.body !== "") assert.equal(text.trimEnd(), answer.body);
}

/** The part of a stream that the example shows. */
async function readEvents(admin: Fixture, response: Response, length: number): Promise<string> {
  for (const event of [opened(CLOSED.id), CLOSED]) admin.backend.publish(event);
  let text = "";
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.length >= length) break;
  }
  return text;
}
