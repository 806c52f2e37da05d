/** The live table of connections. Only the visible rows are requested and in the document. */

import { isAsked } from "../parts/confirm_button.js";
import { ConnectionRow } from "./connection_row.js";
import { ConnectionSort } from "./connection_sort.js";
import { byId, setAttribute, setHidden, setText } from "../parts/element.js";
import { formatCount } from "../parts/format.js";
import { KeyedElements } from "../parts/keyed_elements.js";
import { isNearItsEnd, rowWindow } from "./row_window.js";
import { moveBetweenRows } from "./row_keys.js";

/** @import { Api } from "../api.js" */
/** @import { ConnectionPage, ConnectionView } from "../../views.ts" */

/** The filter is applied this long after the last key, in milliseconds. */
const TYPING_PAUSE = 150;

export class ConnectionsPanel {
  #api;
  #onError;
  #viewport = byId("rows", HTMLDivElement);
  #table = byId("connections", HTMLTableElement);
  #body = byId("connection-rows", HTMLTableSectionElement);
  #above = byId("above", HTMLTableCellElement);
  #below = byId("below", HTMLTableCellElement);
  #filter = byId("filter", HTMLInputElement);
  #sort;
  #rows;
  /** The rows in the document, and how many match the filter. */
  #there = { offset: 0, limit: 0 };
  #matching = 0;
  #isInSight = false;
  /** @type {AbortController | undefined} */
  #request;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #typing;

  /**
   * @param {Api} api
   * @param {(id: number) => Promise<void>} kill
   * @param {(error: unknown) => void} onError
   */
  constructor(api, kill, onError) {
    this.#api = api;
    this.#onError = onError;
    this.#sort = new ConnectionSort(() => this.#startOver());
    this.#rows = new KeyedElements(
      this.#body,
      (/** @type {ConnectionView} */ { id }) => id,
      (connection) => new ConnectionRow(connection, kill),
    );
    this.#viewport.addEventListener("scroll", () => this.#fillIn(), { passive: true });
    this.#viewport.addEventListener("keydown", (event) => moveBetweenRows(event, this.#body));
    this.#filter.addEventListener("input", () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => this.#startOver(), TYPING_PAUSE);
    });
    new IntersectionObserver(([entry]) => {
      this.#isInSight = entry?.isIntersecting ?? false;
      this.refresh();
    }, { rootMargin: "100px" }).observe(this.#viewport);
  }

  /** Requests the rows again, unless they are hidden or a button in one of them waits for its second press. */
  refresh() {
    if (this.#isInSight && this.#request === undefined && !isAsked(this.#body)) this.#load();
  }

  /** Filter or order changed: begins at the top. */
  #startOver() {
    this.#request?.abort();
    this.#viewport.scrollTop = 0;
    this.#load();
  }

  /** After scrolling: requests missing rows at once. */
  #fillIn() {
    if (this.#request === undefined && isNearItsEnd(this.#there, this.#wanted(), this.#matching)) {
      this.#load();
    }
  }

  async #load() {
    const request = this.#request = new AbortController();
    const filter = this.#filter.value.trim();
    const { offset, limit } = this.#wanted();
    const query = new URLSearchParams({
      filter,
      sort: this.#sort.query,
      offset: `${offset}`,
      limit: `${limit}`,
    });
    try {
      const response = await this.#api.request(`connections?${query}`, { signal: request.signal });
      /** @type {ConnectionPage} */
      const page = await response.json();
      if (request.signal.aborted) return;
      this.#show(page, offset, limit, filter);
      this.#request = undefined;
      this.#fillIn();
    } catch (error) {
      if (request.signal.aborted) return;
      this.#request = undefined;
      this.#onError(error);
    }
  }

  /**
   * @param {ConnectionPage} page
   * @param {number} offset
   * @param {number} limit
   * @param {string} filter
   */
  #show({ total, matching, connections }, offset, limit, filter) {
    const hadFocus = this.#body.contains(document.activeElement);
    this.#there = { offset, limit };
    this.#matching = matching;
    const rowHeight = this.#rowHeight();
    this.#above.style.height = `${offset * rowHeight}px`;
    this.#below.style.height = `${Math.max(0, matching - offset - connections.length) * rowHeight}px`;
    this.#rows.update(connections);
    setAttribute(this.#table, "aria-rowcount", String(matching + 1));
    [...this.#body.rows].forEach((row, index) =>
      setAttribute(row, "aria-rowindex", String(offset + index + 2))
    );
    // The connection that had the focus has ended: Tab must continue from the table.
    if (hadFocus && !this.#body.contains(document.activeElement)) {
      this.#viewport.focus({ preventScroll: true });
    }
    this.#placeTabStop(offset, rowHeight);
    showCount(total, matching, filter);
  }

  /**
   * Makes one button the Tab stop: the one with the focus, or that of the first visible row.
   * @param {number} offset
   * @param {number} rowHeight
   */
  #placeTabStop(offset, rowHeight) {
    const buttons = [...this.#body.querySelectorAll("button")];
    const focused = buttons.find((button) => button === document.activeElement);
    const stop = focused ?? buttons[Math.ceil(this.#viewport.scrollTop / rowHeight) - offset] ?? buttons[0];
    for (const button of buttons) setAttribute(button, "tabindex", button === stop ? "0" : "-1");
  }

  #wanted() {
    return rowWindow({
      scrollTop: this.#viewport.scrollTop,
      height: this.#viewport.clientHeight,
      rowHeight: this.#rowHeight(),
      rows: this.#matching,
    });
  }

  /** In pixels; narrow windows have another height in the style sheet. */
  #rowHeight() {
    return Number.parseFloat(getComputedStyle(this.#viewport).getPropertyValue("--row-height"));
  }
}

/**
 * @param {number} total
 * @param {number} matching
 * @param {string} filter
 */
function showCount(total, matching, filter) {
  const open = `${formatCount(total)} open`;
  setText(byId("matching", HTMLElement), filter === "" ? open : `${formatCount(matching)} of ${open}`);
  const empty = byId("no-connections", HTMLElement);
  setHidden(empty, matching > 0);
  setText(empty, total === 0 ? "No open connections." : `No open connection matches “${filter}”.`);
}
