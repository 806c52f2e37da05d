/** Sorts the table of connections: by its column heads, or by a list in narrow windows. */

import { COLUMNS } from "./connection_row.js";
import { byId, create, setAttribute } from "../parts/element.js";

/** @import { SortKey } from "../../views.ts" */

/** Keys that begin with the largest value. */
const LARGEST_FIRST = new Set(["id", "age", "bytes"]);

export class ConnectionSort {
  /** @type {SortKey} */
  #key = "bytes";
  #isDescending = true;
  #list = byId("sort", HTMLSelectElement);
  /** @type {Map<SortKey, HTMLTableCellElement>} */
  #heads = new Map();
  #onChange;

  /** @param {() => void} onChange */
  constructor(onChange) {
    this.#onChange = onChange;
    const columns = byId("columns", HTMLTableRowElement);
    for (const { label, sort, isNumber } of COLUMNS) {
      const head = create("th", {
        scope: "col",
        class: `${label.toLowerCase()}${isNumber ? " number" : ""}`,
      });
      columns.append(head);
      if (sort === undefined) head.append(label);
      else this.#addKey(sort, label, head);
    }
    columns.append(
      create("th", { scope: "col", class: "kill" }, create("span", { class: "unseen" }, "Kill")),
    );
    this.#list.addEventListener("change", () => this.#choose(this.#list.value));
    this.#show();
  }

  /** For the API: `-bytes`. */
  get query() {
    return `${this.#isDescending ? "-" : ""}${this.#key}`;
  }

  /**
   * @param {SortKey} key
   * @param {string} label
   * @param {HTMLTableCellElement} head
   */
  #addKey(key, label, head) {
    const button = create("button", { type: "button" }, label);
    button.addEventListener("click", () => {
      const isDescending = key === this.#key ? !this.#isDescending : LARGEST_FIRST.has(key);
      this.#choose(`${isDescending ? "-" : ""}${key}`);
    });
    head.append(button);
    this.#heads.set(key, head);
    const [first, second] = LARGEST_FIRST.has(key) ? ["-", ""] : ["", "-"];
    this.#list.append(
      create("option", { value: `${first}${key}` }, `${label} ${first === "-" ? "↓" : "↑"}`),
      create("option", { value: `${second}${key}` }, `${label} ${second === "-" ? "↓" : "↑"}`),
    );
  }

  /** @param {string} query */
  #choose(query) {
    this.#isDescending = query.startsWith("-");
    this.#key = /** @type {SortKey} */ (query.replace("-", ""));
    this.#show();
    this.#onChange();
  }

  #show() {
    this.#list.value = this.query;
    for (const [key, head] of this.#heads) {
      setAttribute(
        head,
        "aria-sort",
        key !== this.#key ? null : this.#isDescending ? "descending" : "ascending",
      );
    }
  }
}
