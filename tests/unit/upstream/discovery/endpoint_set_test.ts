import assert from "node:assert/strict";
import { EndpointSet } from "../../../../src/upstream/discovery/endpoint_set.ts";

interface Thing {
  readonly name: string;
  weight: number;
}

function things(most = Infinity) {
  let made = 0;
  return new EndpointSet<Thing, Thing>({
    identityOf: ({ name }) => name,
    make: (wanted) => ++made > most ? undefined : { ...wanted },
    update: (thing, { weight }) => {
      const isOther = thing.weight !== weight;
      thing.weight = weight;
      return isOther;
    },
  });
}

const names = (list: readonly Thing[]) => list.map(({ name }) => name).join("");
const wanted = (text: string, weight = 1) => [...text].map((name) => ({ name, weight }));

function replaced(set: EndpointSet<Thing, Thing>, all: readonly Thing[]) {
  const { added, updated, removed } = set.replace(all);
  return [names(added), names(updated), names(removed), names(set.all)];
}

Deno.test("EndpointSet keeps endpoints that stay, and reports which were added, changed and removed", () => {
  const set = things();
  assert.deepEqual(replaced(set, wanted("abc")), ["abc", "", "", "abc"]);
  const [, b] = set.all;
  assert.deepEqual(replaced(set, [...wanted("cb"), ...wanted("d")]), ["d", "", "a", "cbd"]);
  assert.equal(set.all[1], b);
  assert.deepEqual(replaced(set, [...wanted("cb", 2), ...wanted("d")]), ["", "cb", "", "cbd"]);
  assert.deepEqual(replaced(set, []), ["", "", "cbd", ""]);
});

Deno.test("EndpointSet skips an endpoint that cannot be created, and keeps the others", () => {
  const set = things(1);
  assert.deepEqual(replaced(set, wanted("ab")), ["a", "", "", "a"]);
  assert.deepEqual(replaced(set, wanted("ba")), ["", "", "", "a"]);
});

Deno.test("EndpointSet returns the same list until it changes", () => {
  const set = things();
  set.replace(wanted("ab"));
  assert.equal(set.all, set.all);
});
