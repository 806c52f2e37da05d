/** Whether the source of a group's endpoints answers: for metrics, the API and the log. */

import type { DiscoveryConfig } from "../../config/config.ts";
import type { DiscoveryFigures } from "../../observe/metrics/upstream_figures.ts";
import { sourceOf } from "./registry.ts";

export class DiscoveryState {
  #failures = 0;
  #lastSuccess: number | undefined;
  /** What cannot be asked now, and why. */
  readonly #failing = new Map<string, string>();
  /** Whether the source has ever reported endpoints, and whether the last report had none. */
  isKnown = false;
  isEmpty = false;

  /** Another source takes over. */
  restarted(): void {
    this.#failing.clear();
  }

  /** Returns whether `what` had failed before. */
  answered(what: string): boolean {
    this.#lastSuccess = Date.now();
    return this.#failing.delete(what);
  }

  /** Returns whether that is the first failure of `what` in a row. */
  failed(what: string, message: string): boolean {
    this.#failures += 1;
    const isFirst = !this.#failing.has(what);
    this.#failing.set(what, message);
    return isFirst;
  }

  /** Its failure does not matter any more. */
  forgotten(what: string): void {
    this.#failing.delete(what);
  }

  /** Undefined without a source. */
  figures(discovery: DiscoveryConfig | undefined): DiscoveryFigures | undefined {
    if (discovery === undefined) return undefined;
    const source = sourceOf(discovery);
    const [failing] = this.#failing;
    return {
      source: source.name,
      description: source.description,
      lastSuccess: this.#lastSuccess,
      failures: this.#failures,
      error: failing && `${failing[0]}: ${failing[1]}`,
    };
  }
}
