import assert from "node:assert/strict";
import { FakeApi, listObject, object, status } from "./fake_api.ts";

const GONE = { type: "ERROR", object: { kind: "Status", code: 410, reason: "Expired", message: "too old" } };

Deno.test("listAndWatch() lists, then watches from the version of the list", async () => {
  await using api = new FakeApi(
    0.5,
    (api) => api.list = () => listObject([object("a", "3"), object("b", "5")], "7"),
  );
  assert.deepEqual(await api.take(), ["list a,b"]);
  assert.deepEqual(api.takeQueries(), [
    { limit: "500" },
    { watch: "1", allowWatchBookmarks: "true", resourceVersion: "7", timeoutSeconds: "300" },
  ]);
  await api.watch.send({ type: "ADDED", object: object("c", "8") }, {
    type: "DELETED",
    object: object("a", "9"),
  });
  await api.watch.send({ type: "MODIFIED", object: object("c", "10") });
  assert.deepEqual(await api.take(), ["ADDED c DELETED a", "MODIFIED c"]);
});

Deno.test("listAndWatch() varies how long a watch is open", async () => {
  for (const [random, seconds] of [[0, "240"], [1, "360"]] as const) {
    await using api = new FakeApi(random);
    await api.take();
    assert.equal(api.watch.query.timeoutSeconds, seconds);
  }
});

Deno.test("listAndWatch() reads lines that arrive in pieces", async () => {
  await using api = new FakeApi();
  await api.take();
  const line = JSON.stringify({ type: "ADDED", object: object("ä", "2") });
  const bytes = new TextEncoder().encode(`${line}\n\n`);
  for (const byte of bytes) await api.watch.sendBytes(Uint8Array.of(byte));
  assert.deepEqual(await api.take(), ["ADDED ä"]);
});

Deno.test("listAndWatch() continues after the end of a watch from the last version, that of a bookmark too", async () => {
  await using api = new FakeApi();
  await api.take();
  await api.watch.send({ type: "ADDED", object: object("a", "8") }, {
    type: "BOOKMARK",
    object: { metadata: { resourceVersion: "99" } },
  });
  assert.deepEqual(await api.take(), ["ADDED a"]);
  await api.watch.end();
  await api.pass(500);
  assert.deepEqual(api.watches.map(({ query }) => query.resourceVersion), ["1", "99"]);
  assert.deepEqual(await api.take(), []);
});

Deno.test("listAndWatch() asks a server that ends each watch at once twice a second", async () => {
  await using api = new FakeApi();
  await api.take();
  for (let round = 0; round < 5; round++) {
    await api.watch.end();
    await api.pass(500);
  }
  assert.equal(api.watches.length, 6);
});

Deno.test("listAndWatch() lists again when the version is gone, said in the watch or as its answer", async () => {
  await using api = new FakeApi();
  await api.take();
  api.list = () => listObject([object("b", "50")], "60");
  await api.watch.send({ type: "ADDED", object: object("a", "2") }, GONE);
  assert.deepEqual(await api.take(), ["ADDED a"]);
  await api.pass(500);
  assert.deepEqual(await api.take(), ["list b"]);
  assert.equal(api.watch.query.resourceVersion, "60");

  await api.watch.send({ type: "BOOKMARK", object: { metadata: { resourceVersion: "61" } } });
  await api.watch.end();
  api.refusal = () => {
    api.refusal = undefined;
    return status(410, "Expired", "too old resource version");
  };
  await api.pass(1000);
  assert.deepEqual(await api.take(), ["list b"]);
});

Deno.test("listAndWatch() lists again when the server does not have the version yet, as after a restore", async () => {
  await using api = new FakeApi();
  await api.take();
  await api.watch.send({ type: "ADDED", object: object("a", "900") });
  await api.watch.end();
  api.refusal = () => {
    api.refusal = undefined;
    return status(504, "Timeout", "Timeout: Too large resource version: 900, current: 12");
  };
  await api.pass(1000);
  assert.deepEqual(await api.take(), ["ADDED a", "list "]);
});

Deno.test("listAndWatch() does not list in a loop when each new version is gone too", async () => {
  await using api = new FakeApi();
  await api.take();
  api.takeQueries();
  api.refusal = () => status(410, "Expired", "too old");
  await api.watch.send({ type: "ADDED", object: object("a", "2") });
  await api.watch.end();
  await api.pass(60_000);
  const lists = api.takeQueries().filter(({ watch }) => watch === undefined);
  assert.ok(lists.length >= 5 && lists.length <= 10, `${lists.length} lists`);
  const reports = await api.take();
  assert.deepEqual(reports.filter((line) => line !== "list "), ["ADDED a", "error: too old"]);
});

Deno.test("listAndWatch() does not ask in a loop when the version is gone and a list answers the same", async () => {
  await using api = new FakeApi();
  await api.take();
  api.takeQueries();
  api.list = () => status(410, "Expired", "gone");
  await api.watch.send({ type: "ADDED", object: object("a", "2") }, GONE);
  await api.pass(60_000);
  assert.deepEqual(await api.take(), ["ADDED a", "error: gone"]);
  const { length } = api.takeQueries();
  assert.ok(length >= 4 && length <= 8, `${length} lists`);
});

Deno.test("listAndWatch() reads a list page by page", async () => {
  await using api = new FakeApi(0.5, (api) => {
    api.list = (query) =>
      query.continue === undefined
        ? listObject([object("a", "1")], "7", "more")
        : listObject([object("b", "2")], "7");
  });
  assert.deepEqual(await api.take(), ["list a,b"]);
  assert.deepEqual(api.takeQueries().slice(0, 2), [{ limit: "500" }, { limit: "500", continue: "more" }]);
});

Deno.test("listAndWatch() asks for all at once when the pages expire", async () => {
  await using api = new FakeApi(0.5, (api) => {
    api.list = (query) => {
      if (query.continue !== undefined) {
        return status(410, "Expired", "the provided continue parameter is too old");
      }
      return query.limit === undefined
        ? listObject([object("a", "1"), object("b", "2")], "9")
        : listObject([object("a", "1")], "7", "more");
    };
  });
  assert.deepEqual(await api.take(), ["list a,b"]);
  assert.equal(api.watch.query.resourceVersion, "9");
});

Deno.test("listAndWatch() keeps what it knows while the server is gone, and reports that once", async () => {
  await using api = new FakeApi();
  await api.take();
  api.refusal = () => new TypeError("connection refused");
  api.watch.fail(new TypeError("connection reset"));
  assert.deepEqual(await api.take(), ["error: connection reset"]);
  api.takeQueries();
  await api.pass(120_000);
  const queries = api.takeQueries();
  assert.ok(queries.length >= 6 && queries.length <= 8, `${queries.length} queries`);
  assert.ok(queries.every(({ resourceVersion }) => resourceVersion === "1"));
  assert.deepEqual(await api.take(), []);
  api.refusal = undefined;
  await api.pass(30_000);
  assert.deepEqual(await api.take(), ["recovered"]);
  await api.watch.send({ type: "ADDED", object: object("a", "2") });
  assert.deepEqual(await api.take(), ["ADDED a"]);
});

Deno.test("listAndWatch() waits longer after each failure, by a random part, up to 30 s", async () => {
  for (const [random, pauses] of [[0, [750, 1500, 3000]], [1, [1250, 2500, 5000]]] as const) {
    await using api = new FakeApi(random, (api) => api.list = () => new Error("no"));
    assert.deepEqual(await api.take(), ["error: no"]);
    for (const pause of pauses) {
      api.takeQueries();
      await api.pass(pause - 10);
      assert.equal(api.takeQueries().length, 0);
      await api.pass(10);
      assert.equal(api.takeQueries().length, 1);
    }
    await api.pass(60_000);
    api.takeQueries();
    await api.pass(60_000);
    assert.equal(api.takeQueries().length, random === 0 ? 3 : 2);
  }
});

Deno.test("listAndWatch() waits as long as the server asks for", async () => {
  await using api = new FakeApi(0.5, (api) => {
    api.list = () => status(429, "TooManyRequests", "too many requests", { "retry-after": "7" });
  });
  assert.deepEqual(await api.take(), ["error: too many requests"]);
  api.takeQueries();
  await api.pass(6990);
  assert.equal(api.takeQueries().length, 0);
  await api.pass(10);
  assert.equal(api.takeQueries().length, 1);
});

Deno.test("listAndWatch() goes on with lists where the server refuses watches", async () => {
  await using api = new FakeApi(0.5, (api) => api.refusal = () => status(403, "Forbidden", "cannot watch"));
  assert.deepEqual(await api.take(), ["list ", "error: cannot watch"]);
  api.list = () => listObject([object("a", "5")], "6");
  await api.pass(1000);
  assert.deepEqual(await api.take(), ["list a"]);
});

Deno.test("listAndWatch() lists again after a watch that is silent for 90 s", async () => {
  await using api = new FakeApi();
  await api.take();
  await api.pass(60_000);
  await api.watch.send({ type: "BOOKMARK", object: { metadata: { resourceVersion: "5" } } });
  await api.pass(89_000);
  assert.equal(api.watches.length, 1);
  // The server was restored from a backup, and has not come to version 5 yet.
  api.list = () => listObject([object("a", "2")], "3");
  await api.pass(2000);
  assert.equal(api.watches.length, 2);
  assert.ok(api.watches[0]!.isCancelled);
  assert.equal(api.watch.query.resourceVersion, "3");
  assert.deepEqual(await api.take(), ["list a"]);
});

Deno.test("listAndWatch() aborts an answer that does not begin within 30 s", async () => {
  await using api = new FakeApi(0.5, (api) => api.list = () => new Promise(() => {}));
  await api.pass(29_990);
  assert.deepEqual(await api.take(), []);
  await api.pass(10);
  assert.deepEqual(await api.take(), ["error: The API server did not answer within 30 s"]);
});

Deno.test("listAndWatch() starts anew after what is no list and no JSON", async () => {
  await using api = new FakeApi(0.5, (api) => api.list = () => new Response("<html>"));
  assert.match((await api.take())[0]!, /^error: .*JSON/);
  api.list = () => ({ kind: "Pod" });
  await api.pass(500);
  api.list = () => listObject([], "3");
  await api.pass(1000);
  assert.deepEqual(await api.take(), ["list ", "recovered"]);
  await api.watch.sendText("nonsense\n");
  assert.match((await api.take())[0]!, /^error: .*JSON/);
  await api.pass(2000);
  assert.deepEqual(await api.take(), ["recovered"]);
});
