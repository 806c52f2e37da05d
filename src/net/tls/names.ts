/** Which of several certificates serves a client, by the name it asks for (SNI, RFC 6066 section 3). */

/** Something that certain DNS names are served with; `*.` in front of a name stands for exactly one label. */
export interface Named {
  /** In lower case. */
  readonly names: readonly string[];
}

/** Answers with the one that has the exact name, else the one with a wildcard for it, else the first. */
export class ServerNames<Item extends Named> {
  readonly #first: Item;
  readonly #byName = new Map<string, Item>();

  /** @param items At least one; of several with the same name the first has it. */
  constructor(items: readonly Item[]) {
    const [first] = items;
    if (first === undefined) throw new TypeError("Cannot choose among no certificates");
    this.#first = first;
    for (const item of items) {
      for (const name of item.names) {
        if (!this.#byName.has(name)) this.#byName.set(name, item);
      }
    }
  }

  /** @param serverName As the client wrote it; `""` without SNI. */
  choose(serverName: string): Item {
    const name = serverName.toLowerCase();
    // RFC 6125 section 6.4.3: the wildcard is the whole of the left-most label, and matches one label.
    const wildcard = `*${name.slice(name.indexOf("."))}`;
    return this.#byName.get(name) ?? this.#byName.get(wildcard) ?? this.#first;
  }
}
