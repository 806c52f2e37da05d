/** Rates, from counters. */

import { errorsOf } from "./service_errors.js";

/** @import { ServiceView, StatsEvent } from "../../views.ts" */

/** How far back the curves go, in seconds. */
export const HISTORY = 120;

/** A longer gap between samples, in seconds, interrupts the curve: the page was disconnected. */
const GAP = 3;

/**
 * Connections and bytes per second; errors within the recorded part of {@linkcode HISTORY}.
 * @typedef {{ connections: number, upload: number, download: number, errors: number }} Rate
 */

/**
 * Times in seconds since 1970, and bytes per second; null while disconnected.
 * @typedef {[times: number[], upload: (number | null)[], download: (number | null)[]]} Curves
 */

/**
 * Counts since the start, at a time in seconds since 1970.
 * @typedef {{ time: number, connections: number, upload: number, download: number, errors: number }} Sample
 */

/** The rates of one service, or of all together. */
export class RateHistory {
  /** @type {Curves} */
  curves = [[], [], []];
  /** @type {Sample[]} no older than the {@linkcode HISTORY} */
  #samples = [];

  /**
   * The rates since the last sample; undefined for the first one.
   * @param {Sample} sample
   * @returns {Rate | undefined}
   */
  add(sample) {
    const last = this.#samples.at(-1);
    if (last !== undefined && sample.time <= last.time) return undefined;
    this.#samples.push(sample);
    while ((this.#samples[0] ?? sample).time < sample.time - HISTORY) this.#samples.shift();
    if (last === undefined) return undefined;
    const seconds = sample.time - last.time;
    const upload = (sample.upload - last.upload) / seconds;
    const download = (sample.download - last.download) / seconds;
    if (seconds > GAP) this.#draw((last.time + sample.time) / 2, null, null);
    this.#draw(sample.time, upload, download);
    return {
      connections: (sample.connections - last.connections) / seconds,
      upload,
      download,
      errors: sample.errors - (this.#samples[0] ?? sample).errors,
    };
  }

  /**
   * @param {number} time
   * @param {number | null} upload
   * @param {number | null} download
   */
  #draw(time, upload, download) {
    const [times, uploads, downloads] = this.curves;
    times.push(time);
    uploads.push(upload);
    downloads.push(download);
    while ((times[0] ?? time) < time - HISTORY) {
      times.shift();
      uploads.shift();
      downloads.shift();
    }
  }
}

/** The rates of each service and of all together. After a restart of the program, counters begin at 0. */
export class Rates {
  #startedAt = "";
  #all = new RateHistory();
  /** @type {Map<string, RateHistory>} */
  #services = new Map();

  /**
   * @param {StatsEvent} stats
   * @returns {{ all: Rate | undefined, services: Map<string, { rate: Rate | undefined, curves: Curves }> }}
   */
  add({ time, status, services }) {
    if (status.started_at !== this.#startedAt) {
      this.#startedAt = status.started_at;
      this.#all = new RateHistory();
      this.#services = new Map();
    }
    const seconds = Date.parse(time) / 1000;
    /** @type {Map<string, RateHistory>} */
    const histories = new Map();
    const rates = new Map();
    for (const service of services) {
      const history = this.#services.get(service.name) ?? new RateHistory();
      histories.set(service.name, history);
      rates.set(service.name, { rate: history.add(sampleOf(seconds, [service])), curves: history.curves });
    }
    this.#services = histories;
    return { all: this.#all.add(sampleOf(seconds, services)), services: rates };
  }
}

/**
 * @param {number} time
 * @param {readonly ServiceView[]} services
 * @returns {Sample}
 */
function sampleOf(time, services) {
  const sample = { time, connections: 0, upload: 0, download: 0, errors: 0 };
  for (const service of services) {
    sample.connections += service.connections.total;
    sample.upload += service.bytes.upload;
    sample.download += service.bytes.download;
    for (const { count } of errorsOf(service)) sample.errors += count;
  }
  return sample;
}
