/** What is read of an API server that has no end. */

import assert from "node:assert/strict";
import { FakeApi, listObject, object } from "./fake_api.ts";

Deno.test("listAndWatch() aborts a list without an end, by its objects and by its size", async () => {
  const many = (count: number, pad: string) =>
    Array.from({ length: count }, (_, index) => ({ ...object(`o${index}`, "1"), pad }));
  for (
    const [items, most, message] of [
      [many(500, ""), 21, "The list of the API server adds up to more than 10000 objects"],
      [many(5, "x".repeat(1024 * 1024)), 4, "The list of the API server adds up to more than 16 MiB"],
      // It sends as many as it likes, whatever the limit.
      [many(17, "x".repeat(1024 * 1024)), 4, "the answer is larger than 16 MiB"],
    ] as const
  ) {
    await using api = new FakeApi(0.5, (api) => api.list = () => listObject(items, "7", "more"));
    let reports: string[] = [];
    for (let turn = 0; turn < 1000 && reports.length === 0; turn++) reports = await api.take();
    assert.deepEqual(reports, [`error: ${message}`]);
    assert.equal(api.takeQueries().length, most);
  }
});

Deno.test("listAndWatch() aborts a watch that adds objects without an end, and lists when there may be room", async () => {
  const added = (count: number, pad: string, first = 0) =>
    Array.from({ length: count }, (_, index) => {
      const name = `o${first + index}`;
      return { name, type: "ADDED", object: { ...object(name, String(10 + first + index)), pad } };
    });
  const large = "x".repeat(1024 * 1024);
  for (
    const [fits, tooMany, message] of [
      [added(9998, ""), added(1, "", 9998), "The watch of the API server adds up to more than 10000 objects"],
      [added(15, large), added(1, large, 15), "The watch of the API server adds up to more than 16 MiB"],
    ] as const
  ) {
    await using api = new FakeApi(0.5, (api) => {
      api.list = () => listObject([object("a", "1"), object("b", "2")], "2");
    });
    await api.take();
    for (const event of fits) await api.watch.send(event);
    assert.equal((await api.take()).length, fits.length);
    // One of an object that is known, and one after another has gone, take no more room.
    const [first, second] = fits;
    await api.watch.send({ ...first, type: "MODIFIED" }, { ...second, type: "DELETED" }, second);
    assert.deepEqual(await api.take(), ["MODIFIED o0 DELETED o1 ADDED o1"]);
    await api.watch.send({ ...first, type: "MODIFIED" }, ...tooMany);
    assert.deepEqual(await api.take(), ["MODIFIED o0", `error: ${message}`]);
    api.list = () => listObject([object("c", "30000")], "30000");
    await api.pass(1250);
    assert.deepEqual(await api.take(), ["list c", "recovered"]);
    await api.watch.send(...tooMany);
    assert.deepEqual(await api.take(), [`ADDED ${tooMany[0]!.name}`]);
  }
});

Deno.test("listAndWatch() counts objects of several namespaces each, also those of the same name", async () => {
  const pad = "x".repeat(1024 * 1024);
  await using api = new FakeApi();
  await api.take();
  for (let index = 0; index < 16; index++) {
    await api.watch.send({
      type: "ADDED",
      object: { metadata: { namespace: `n${index}`, name: "same" }, pad },
    });
  }
  const reports = await api.take();
  assert.deepEqual(reports.slice(14), [
    "ADDED same",
    "error: The watch of the API server adds up to more than 16 MiB",
  ]);
});

Deno.test("listAndWatch() neither keeps nor counts metadata that nothing reads", async () => {
  const pad = "x".repeat(200 * 1024);
  const fat = (index: number) => ({
    metadata: {
      name: `o${index}`,
      resourceVersion: String(100 + index),
      annotations: { pad },
      labels: { pad },
      managedFields: [{ pad }],
      finalizers: [pad],
      ownerReferences: [{ pad }],
    },
  });
  const all = Array.from({ length: 20 }, (_, index) => fat(index));
  await using api = new FakeApi(0.5, (api) => {
    api.list = ({ limit, continue: next }) => {
      const end = Number(next ?? 0) + Number(limit);
      return listObject(all.slice(Number(next ?? 0), end), "1", end < all.length ? String(end) : undefined);
    };
  });
  let reports: string[] = [];
  for (let turn = 0; turn < 1000 && reports.length === 0; turn++) reports = await api.take();
  assert.deepEqual(reports, [`list ${all.map(({ metadata }) => metadata.name).join(",")}`]);
  assert.deepEqual(
    [...new Set(api.takeQueries().map(({ limit }) => limit))],
    ["500", "63", "8", undefined],
    "smaller pages, as 500 of these do not fit",
  );
  for (let index = 20; index < 40; index++) await api.watch.send({ type: "ADDED", object: fat(index) });
  assert.equal((await api.take()).length, 20);
});

Deno.test("listAndWatch() reads a refusal without an end only in part", async () => {
  let sent = 0;
  const endless = () =>
    new ReadableStream<Uint8Array>({
      pull: (controller) => {
        sent++;
        controller.enqueue(new Uint8Array(1024 * 1024).fill(0x78));
      },
    });
  await using api = new FakeApi(0.5, (api) => api.list = () => new Response(endless(), { status: 503 }));
  let reports: string[] = [];
  for (let turn = 0; turn < 1000 && reports.length === 0; turn++) reports = await api.take();
  assert.deepEqual(reports, ["error: The API server answered 503"]);
  assert.ok(sent >= 16 && sent < 20, `${sent} MiB`);
});
