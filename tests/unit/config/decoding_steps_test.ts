/** However many routes and groups a document has, no step of its decoding handles more than a few of them. */

import assert from "node:assert/strict";
import { decodingSteps } from "../../../src/config/decode.ts";
import { diffingSteps } from "../../../src/config/diff.ts";
import type { Steps } from "../../../src/config/input/steps.ts";

const MANY = 600;
/** Of all reads of a document, how many may be in one step: to list the names of all groups takes 1 in 7. */
const LARGEST_SHARE = 1 / 5;

const numbers = Array.from({ length: MANY }, (_, number) => number);
const service = (routes: readonly object[]) => ({
  services: [{ name: "a", listen: 1, upstream: "10.0.0.1:1", routes }],
});
const groups = (keys: object = {}) => ({
  upstreams: Object.fromEntries(numbers.map((n) => [`g${n}`, { endpoints: [`10.0.0.1:${n + 1}`], ...keys }])),
});

const DOCUMENTS: Readonly<Record<string, object>> = {
  "routes to groups": {
    ...groups(),
    ...service(numbers.map((n) => ({ sni: `h${n}.example.com`, upstream: `g${n}` }))),
  },
  "groups that no route leads to": {
    ...groups({ health_check: { interval: "5s" } }),
    ...service([{ silent: true, upstream: "g0" }]),
  },
  "routes with addresses": service(
    numbers.map((n) => ({ source_port: n + 1, upstream: `10.0.0.2:${n + 1}` })),
  ),
  "routes with groups in place": service(
    numbers.map((n) => ({
      source_ip: "10.0.0.0/8",
      listen_port: 1,
      upstream: { endpoints: [`10.0.0.2:${n + 1}`] },
    })),
  ),
  "routes with TLS": service(numbers.map((n) => ({
    sni: `h${n}.example.com`,
    tls: { cert: "c", key: "k" },
    upstream: `10.0.0.2:${n + 1}`,
  }))),
  "routes with TLS that begins in a protocol": {
    services: [{
      name: "a",
      listen: 1,
      peek: { starttls: "postgres" },
      routes: numbers.map((n) => ({
        sni: `h${n}.example.com`,
        tls: { starttls: "postgres", cert: "c", key: "k" },
        upstream: `10.0.0.2:${n + 1}`,
      })),
    }],
  },
};

for (const [what, document] of Object.entries(DOCUMENTS)) {
  for (const environment of [undefined, () => undefined]) {
    const how = environment === undefined ? "" : ", whose variables are expanded";
    Deno.test(`decodingSteps() handles few entries in a step: ${what}${how}`, () => {
      const reads = new Reads();
      const steps = decodingSteps(reads.counted(document), environment === undefined ? {} : { environment });
      const perStep = [...reads.perStep(steps)];
      const total = perStep.reduce((sum, count) => sum + count, 0);
      const most = Math.max(...perStep);
      assert.ok(total > MANY, `${total} reads`);
      assert.ok(most < total * LARGEST_SHARE, `${most} of ${total} reads in one step`);
    });
  }
}

Deno.test("diffingSteps() compares a route or a group in a step", () => {
  const decode = () => {
    const steps = decodingSteps(DOCUMENTS["routes to groups"]);
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
    }
  };
  const count = [...diffingSteps(decode(), decode())].length;
  assert.ok(count >= 2 * MANY, `${count} steps`);
});

/** Counts how often the values of a document are read. */
class Reads {
  #count = 0;

  counted<Value>(value: Value): Value {
    if (typeof value !== "object" || value === null) return value;
    const count = () => this.#count++;
    return new Proxy(value, {
      get: (target, key, receiver) => (count(), this.counted(Reflect.get(target, key, receiver))),
      has: (target, key) => (count(), Reflect.has(target, key)),
      getOwnPropertyDescriptor: (target, key) => (count(), Reflect.getOwnPropertyDescriptor(target, key)),
    });
  }

  *perStep(steps: Steps<unknown>): Generator<number> {
    for (const _ of steps) {
      yield this.#count;
      this.#count = 0;
    }
    yield this.#count;
  }
}
