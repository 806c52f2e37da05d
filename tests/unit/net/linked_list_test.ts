import assert from "node:assert/strict";
import { Linked, LinkedList } from "../../../src/net/linked_list.ts";

class Item extends Linked<Item> {
  readonly name: string;

  constructor(name: string) {
    super();
    this.name = name;
  }
}

function listOf(...names: string[]): { list: LinkedList<Item>; items: Item[] } {
  const list = new LinkedList<Item>();
  const items = names.map((name) => new Item(name));
  for (const item of items) list.add(item);
  return { list, items };
}

function namesIn(list: LinkedList<Item>): string[] {
  return list.all().map(({ name }) => name);
}

Deno.test("LinkedList.delete() removes the first, the last or an inner item, and no other", () => {
  for (const left of ["a", "b", "c"]) {
    const { list, items } = listOf("a", "b", "c");
    list.delete(items.find(({ name }) => name === left)!);
    const rest = ["a", "b", "c"].filter((name) => name !== left);
    assert.deepEqual(namesIn(list), rest);
    assert.equal(list.first!.name, rest[0]);
    list.add(new Item("d"));
    assert.deepEqual(namesIn(list), [...rest, "d"]);
  }
});

Deno.test("LinkedList.delete() leaves an item without references, which can be deleted again or added to another list", () => {
  const { list, items: [a, b, c] } = listOf("a", "b", "c");
  b![Symbol.dispose]();
  b![Symbol.dispose]();
  assert.deepEqual([b!.list, b!.previous, b!.next], [undefined, undefined, undefined]);
  const { list: other } = listOf("x");
  other.add(b!);
  list.delete(b!);
  assert.deepEqual([namesIn(list), namesIn(other)], [["a", "c"], ["x", "b"]]);
  for (const item of [a!, c!]) item[Symbol.dispose]();
  assert.equal(list.first, undefined);
  assert.deepEqual(list.all(), []);
});
