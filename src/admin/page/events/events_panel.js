/** The list of events, newest first. */

import { byId, create, setAttribute, setHidden, setText } from "../parts/element.js";
import { describeEvent } from "./event_text.js";
import { formatClock, formatCount } from "../parts/format.js";

/** @import { AdminEvent, StatsEvent } from "../../views.ts" */
/** @import { EventText } from "./event_text.js" */

/** The number of events to keep, and to show in the list. */
const KEPT = 2000;
const SHOWN = 200;

/** Events within this time are added to the list together, in milliseconds. */
const BATCH = 250;

/** @typedef {EventText & { time: string }} Entry */

export class EventsPanel {
  #list = byId("events", HTMLOListElement);
  #filter = byId("event-filter", HTMLInputElement);
  #pause = byId("pause", HTMLButtonElement);
  #kinds = [...byId("event-kinds", HTMLFieldSetElement).querySelectorAll("input")];
  /** @type {Entry[]} oldest first */
  #entries = [];
  /** @type {Entry[]} not in the list so far */
  #fresh = [];
  /** @type {Entry[] | undefined} the entries when the user pressed Pause */
  #paused;
  #sincePause = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #batch;

  constructor() {
    this.#filter.addEventListener("input", () => this.#showAll());
    for (const kind of this.#kinds) kind.addEventListener("change", () => this.#showAll());
    this.#pause.addEventListener("click", () => this.#togglePause());
    document.addEventListener("visibilitychange", () => this.#showAll());
  }

  /** @param {Exclude<AdminEvent, StatsEvent>} event */
  add(event) {
    this.#add({ ...describeEvent(event), time: event.time });
  }

  /**
   * Adds a message of the page itself.
   * @param {string} text
   */
  note(text) {
    this.#add({ kind: "program", label: "page", text, time: new Date().toISOString() });
  }

  /** @param {Entry} entry */
  #add(entry) {
    this.#entries.push(entry);
    if (this.#entries.length > 2 * KEPT) this.#entries.splice(0, KEPT);
    if (this.#paused !== undefined) this.#sincePause += 1;
    else if (this.#isWanted(entry)) this.#fresh.push(entry);
    if (this.#fresh.length > 2 * SHOWN) this.#fresh.splice(0, SHOWN);
    if (!document.hidden) this.#batch ??= setTimeout(() => this.#showFresh(), BATCH);
  }

  #showFresh() {
    this.#batch = undefined;
    const elements = this.#fresh.splice(0).slice(-SHOWN).reverse().map(toElement);
    this.#list.prepend(...elements);
    while (this.#list.childElementCount > SHOWN) this.#list.lastElementChild?.remove();
    this.#showCounts();
  }

  /** The filter or the kinds to show have changed. */
  #showAll() {
    if (document.hidden) return;
    this.#fresh = [];
    const wanted = (this.#paused ?? this.#entries).filter((entry) => this.#isWanted(entry));
    this.#list.replaceChildren(...wanted.slice(-SHOWN).reverse().map(toElement));
    this.#showCounts();
  }

  #togglePause() {
    this.#paused = this.#paused === undefined ? [...this.#entries] : undefined;
    this.#sincePause = 0;
    setAttribute(this.#pause, "aria-pressed", String(this.#paused !== undefined));
    setText(this.#pause, this.#paused === undefined ? "Pause" : "Resume");
    this.#showAll();
  }

  #showCounts() {
    const missed = this.#paused === undefined ? "" : `${formatCount(this.#sincePause)} since the pause`;
    setText(byId("unseen-events", HTMLElement), missed);
    const empty = byId("no-events", HTMLElement);
    setHidden(empty, this.#list.childElementCount > 0);
    setText(
      empty,
      this.#entries.length === 0
        ? "Nothing has happened since this page was opened."
        : `None of the last ${formatCount(this.#entries.length)} events is among those chosen above.`,
    );
  }

  /** @param {Entry} entry */
  #isWanted({ kind, label, text }) {
    if (!this.#kinds.some(({ value, checked }) => checked && value === kind)) return false;
    const filter = this.#filter.value.trim().toLowerCase();
    return filter === "" || `${label} ${text}`.toLowerCase().includes(filter);
  }
}

/** @param {Entry} entry */
function toElement({ time, kind, label, text }) {
  return create(
    "li",
    { "data-kind": kind },
    create("time", { datetime: time }, formatClock(time)),
    create("span", { class: "label" }, label),
    create("span", { class: "text" }, text),
  );
}
