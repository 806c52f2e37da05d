import assert from "node:assert/strict";
import { ClusterWatch } from "../../../../src/gateway/cluster/cluster_watch.ts";
import {
  type Collection,
  GATEWAYS,
  keyOf,
  NAMESPACES,
  routesOf,
  secretCalled,
  servicesIn,
} from "../../../../src/gateway/cluster/collection.ts";
import { sleep } from "../../../../src/net/timers/sleep.ts";
import { metaOf, nameOf } from "../../../../src/gateway/resources/meta.ts";
import { FakeTime, settled } from "../../../support/fakes/fake_time.ts";
import { keptLog } from "../kept_log.ts";

/** A watch of an API whose lists a test answers; watches never end. */
class Fixture implements AsyncDisposable {
  /** What a list answers, by its path. */
  readonly answers = new Map<string, () => Response | Error | Promise<Response>>();
  readonly queries: string[] = [];
  readonly lines: string[] = [];
  changes = 0;
  readonly watch = new ClusterWatch({
    client: { get: (path, query, signal) => this.#get(path, query, signal) },
    parts: { now: () => performance.now(), wait: sleep, random: () => 0.5 },
    log: keptLog(this.lines),
    onChange: () => this.changes++,
  });
  readonly #time = new FakeTime();
  #used: readonly Collection[] = [];

  async use(...collections: Collection[]): Promise<void> {
    this.begin(...collections);
    await settled();
  }

  begin(...collections: Collection[]): void {
    this.#used = collections;
    this.watch.watch(new Map(collections.map((each) => [keyOf(each), each])));
  }

  /** Whether all that is watched is known. */
  get isSettled(): boolean {
    const snapshot = this.watch.snapshot();
    for (const collection of this.#used) snapshot.of(collection);
    return snapshot.isComplete;
  }

  pass(milliseconds: number): Promise<void> {
    return this.#time.advance(milliseconds);
  }

  names(collection: Collection): string[] {
    return this.watch.snapshot().of(collection).objects.map((object) => nameOf(metaOf(object)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.watch[Symbol.asyncDispose]();
    this.#time[Symbol.dispose]();
  }

  async #get(path: string, query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Response> {
    await Promise.resolve();
    this.queries.push(`${path} ${query.fieldSelector ?? ""}`.trim());
    if (query.watch !== undefined) {
      return new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    }
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
    });
    const answer = await Promise.race([this.answers.get(path)?.() ?? list(), aborted]);
    if (answer instanceof Error) throw answer;
    return answer;
  }
}

function list(...names: string[]): Response {
  const items = names.map((name) => ({ metadata: { name, namespace: "prod" } }));
  return Response.json({ metadata: { resourceVersion: "1" }, items });
}

function refusal(code: number): Response {
  return Response.json({ kind: "Status", code, message: `refused with ${code}` }, { status: code });
}

Deno.test("ClusterWatch knows what it watches, and is settled once all has been read", async () => {
  await using fixture = new Fixture();
  assert.ok(fixture.isSettled);
  fixture.answers.set(GATEWAYS.path, () => list("a", "b"));
  fixture.begin(GATEWAYS);
  assert.ok(!fixture.isSettled);
  await settled();
  assert.ok(fixture.isSettled);
  assert.deepEqual(fixture.names(GATEWAYS), ["prod/a", "prod/b"]);
  assert.equal(fixture.changes, 1);
});

Deno.test("ClusterWatch asks for the one object that is wanted", async () => {
  await using fixture = new Fixture();
  await fixture.use(secretCalled({ namespace: "prod", name: "cert" }));
  assert.equal(fixture.queries[0], "/api/v1/namespaces/prod/secrets metadata.name=cert");
});

Deno.test("ClusterWatch takes a refusal for an answer where the rest can be served without", async () => {
  const cases: [collection: Collection, status: number, isAnswer: boolean][] = [
    [servicesIn("prod"), 403, true],
    [NAMESPACES, 403, true],
    [secretCalled({ namespace: "prod", name: "cert" }), 403, true],
    [GATEWAYS, 403, false],
    [routesOf("TCPRoute"), 404, true],
    [GATEWAYS, 401, false],
    [servicesIn("prod"), 401, false],
    [servicesIn("prod"), 503, false],
  ];
  for (const [collection, status, isAnswer] of cases) {
    await using fixture = new Fixture();
    fixture.answers.set(collection.path, () => refusal(status));
    await fixture.use(collection);
    const what = `${collection.path} ${status}`;
    assert.equal(fixture.isSettled, isAnswer, what);
    const { objects, refusal: why } = fixture.watch.snapshot().of(collection);
    assert.deepEqual([objects, why], [[], isAnswer ? `refused with ${status}` : undefined], what);
    assert.match(
      fixture.lines[0]!,
      new RegExp(`^warn Cannot read ${collection.what}: refused with ${status}`),
    );
  }
});

Deno.test("ClusterWatch waits ten seconds for what the rest can be served without", async () => {
  for (
    const [answer, why] of [
      [() => refusal(503), "refused with 503"],
      [() => new Promise<never>(() => {}), "the API server has not answered yet"],
    ] as const
  ) {
    await using fixture = new Fixture();
    for (const { path } of [GATEWAYS, servicesIn("evil")]) fixture.answers.set(path, answer);
    await fixture.use(GATEWAYS, servicesIn("evil"), servicesIn("prod"));
    await fixture.pass(9_900);
    const read = () =>
      [GATEWAYS, servicesIn("evil")].map((each) => fixture.watch.snapshot().of(each).refusal);
    assert.deepEqual(read(), [undefined, undefined]);
    await fixture.pass(200);
    assert.deepEqual(read(), [undefined, why]);
    assert.ok(!fixture.isSettled, "without Gateways, nothing can be served");
    await fixture.use(servicesIn("evil"), servicesIn("prod"));
    assert.ok(fixture.isSettled);
  }
});

Deno.test("ClusterWatch does not wait for a list that is too large, and takes it once it is not", async () => {
  await using fixture = new Fixture();
  const large = { metadata: { name: "s" }, spec: "x".repeat(1024 * 1024) };
  const { path } = servicesIn("evil");
  fixture.answers.set(
    path,
    () => Response.json({ metadata: { resourceVersion: "1" }, items: Array(17).fill(large) }),
  );
  await fixture.use(servicesIn("evil"), servicesIn("prod"));
  for (let turn = 0; turn < 1000 && !fixture.isSettled; turn++) await settled();
  assert.match(fixture.watch.snapshot().of(servicesIn("evil")).refusal!, /larger than 16 MiB/);
  fixture.answers.set(path, () => list("small"));
  await fixture.pass(2000);
  assert.deepEqual(fixture.names(servicesIn("evil")), ["prod/small"]);
  assert.equal(fixture.watch.snapshot().of(servicesIn("evil")).refusal, undefined);
  assert.equal(fixture.lines.length, 1, fixture.lines.join("\n"));
});

Deno.test("ClusterWatch keeps what it knows while the API server does not answer, and says so once", async () => {
  await using fixture = new Fixture();
  fixture.answers.set(GATEWAYS.path, () => refusal(503));
  await fixture.use(GATEWAYS);
  await fixture.pass(1000);
  assert.equal(fixture.lines.length, 1);
  fixture.answers.set(GATEWAYS.path, () => list("a"));
  await fixture.pass(2000);
  assert.ok(fixture.isSettled);
  assert.deepEqual(fixture.names(GATEWAYS), ["prod/a"]);
});

Deno.test("ClusterWatch forgets what is no longer asked for", async () => {
  await using fixture = new Fixture();
  fixture.answers.set(GATEWAYS.path, () => list("a"));
  await fixture.use(GATEWAYS, NAMESPACES);
  await fixture.use(NAMESPACES);
  assert.deepEqual(fixture.names(GATEWAYS), []);
  await fixture.use(NAMESPACES, GATEWAYS);
  assert.deepEqual(fixture.names(GATEWAYS), ["prod/a"]);
});
