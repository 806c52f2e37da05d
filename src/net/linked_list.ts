/**
 * A linked list, for entries that come and go with every connection.
 *
 * Not a `Set`: while connections entered and left Sets and Maps, each closed connection left 4 to 6.5 KB that survived
 * every minor garbage collection, and collecting took 12 to 21 us of about 100 us a connection; without them it was 0.4
 * KB and 3 us (by --trace-gc). The likely cause are their hash tables, which are replaced after a number of additions:
 * the old ones keep their entries alive. An entry that was removed from this list has no references to or from it.
 */

/** An entry, which is in one list at a time. Disposing of it removes it; doing so again changes nothing. */
export abstract class Linked<Item extends Linked<Item>> implements Disposable {
  /** Kept by the list. */
  list: LinkedList<Item> | undefined;
  previous: Item | undefined;
  next: Item | undefined;

  [Symbol.dispose](): void {
    this.list?.delete(this as unknown as Item);
  }
}

export class LinkedList<Item extends Linked<Item>> {
  #first: Item | undefined;
  #last: Item | undefined;

  /** The one that has been in the list longest. */
  get first(): Item | undefined {
    return this.#first;
  }

  /** All current items, in the order they were added. */
  all(): Item[] {
    const items: Item[] = [];
    for (let item = this.#first; item !== undefined; item = item.next) items.push(item);
    return items;
  }

  /** Adds an item that is in no list. */
  add(item: Item): void {
    item.list = this;
    item.previous = this.#last;
    if (this.#last === undefined) this.#first = item;
    else this.#last.next = item;
    this.#last = item;
  }

  /** Takes an item out, if it is in this list. */
  delete(item: Item): void {
    if (item.list !== this) return;
    const { previous, next } = item;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    item.list = item.previous = item.next = undefined;
  }
}
