/** A place in a document: its value, if there is one, and what messages say about it. */

import type { Report } from "../input/report.ts";

/** A value that could be read, and its place. */
export interface Found<Value> {
  readonly place: Place;
  readonly value: Value;
}

/** As a text, it is the path that messages show: `services[2].listen[0]`. */
export class Place {
  readonly report: Report;
  readonly path: readonly PropertyKey[];
  /** The value, or undefined where there is none. */
  readonly value: unknown;

  constructor(report: Report, path: readonly PropertyKey[] = []) {
    this.report = report;
    this.path = path;
    this.value = report.valueAt(path);
  }

  at(...keys: PropertyKey[]): Place {
    return new Place(this.report, [...this.path, ...keys]);
  }

  /** A place by its path from the top of the document. */
  fromTop(...keys: PropertyKey[]): Place {
    return new Place(this.report, keys);
  }

  get isSet(): boolean {
    return this.value !== undefined;
  }

  /** Whether the value is this one. A variable gives `true` and `false` as text. */
  is(value: string | boolean): boolean {
    return this.value === value || typeof value === "boolean" && this.value === String(value);
  }

  get isZero(): boolean {
    return this.find(Number)?.value === 0;
  }

  /** The keys of a mapping; undefined for anything else. */
  get keys(): string[] | undefined {
    const { value } = this;
    const isMapping = typeof value === "object" && value !== null && !Array.isArray(value);
    return isMapping ? Object.keys(value) : undefined;
  }

  /** Whether it is a mapping with this key. */
  has(key: string): boolean {
    const { value } = this;
    return typeof value === "object" && value !== null && !Array.isArray(value) && Object.hasOwn(value, key);
  }

  /** The entries of a list; none of anything else. */
  get items(): Place[] {
    return Array.isArray(this.value) ? this.value.map((_, index) => this.at(index)) : [];
  }

  /** The entries of a value that may be a list or a single entry. */
  get entries(): Place[] {
    return Array.isArray(this.value) ? this.items : [this];
  }

  /** Parses the text or number here. Undefined if there is none or it is invalid, which the schema reports. */
  find<Value>(parse: (text: string) => Value): Found<Value> | undefined {
    if (typeof this.value !== "string" && typeof this.value !== "number") return undefined;
    try {
      return { place: this, value: parse(String(this.value)) };
    } catch {
      return undefined;
    }
  }

  /** Parses one value or a list. Undefined if there is none, or if some of it is invalid. */
  findAll<Value>(parse: (text: string) => Value): Found<Value>[] | undefined {
    const found = this.entries.map((entry) => entry.find(parse));
    return found.every((each) => each !== undefined) ? found : undefined;
  }

  /** Whether messages must not repeat the value. */
  get isSecret(): boolean {
    return this.report.isSecret(this.path);
  }

  /** The value as messages show it. */
  get shown(): string {
    return this.report.show(this.path);
  }

  /** The same with the path: `"unix:/run/db.sock" (services[0].listen)`. */
  get shownWithPath(): string {
    return `${this.shown} (${this})`;
  }

  /** Reports a problem with the value. */
  add(message: string): void {
    this.report.add(this.path, message);
  }

  /** Reports that the value is missing. */
  addMissing(what: string): void {
    this.report.addMissing(this.path, what);
  }

  toString(): string {
    return this.report.spellPath(this.path);
  }
}
