/** Keeps one view for each item: creates it with the item, updates it, and removes it with the item. */

import { arrange } from "./element.js";

/**
 * @template Item
 * @typedef {object} View
 * @property {Element} element
 * @property {(item: Item) => void} update
 */

/**
 * The children of an element, one for each item, identified by a key.
 * @template Item
 * @template {View<Item>} ItemView
 */
export class KeyedElements {
  #parent;
  #keyOf;
  #make;
  /** @type {Map<string | number, ItemView>} */
  #views = new Map();

  /**
   * @param {Element} parent
   * @param {(item: Item) => string | number} keyOf
   * @param {(item: Item) => ItemView} make
   */
  constructor(parent, keyOf, make) {
    this.#parent = parent;
    this.#keyOf = keyOf;
    this.#make = make;
  }

  /** @param {readonly Item[]} items */
  update(items) {
    /** @type {Map<string | number, ItemView>} */
    const views = new Map();
    for (const item of items) {
      const key = this.#keyOf(item);
      const view = this.#views.get(key) ?? this.#make(item);
      view.update(item);
      views.set(key, view);
    }
    this.#views = views;
    arrange(this.#parent, [...views.values()].map(({ element }) => element));
  }
}
