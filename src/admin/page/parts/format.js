/** Numbers, sizes and times for people. */

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const wholeNumbers = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/**
 * `512 B`, `1.5 KiB`, `3.2 GiB`.
 * @param {number} bytes
 */
export function formatBytes(bytes) {
  let value = Math.round(bytes);
  let unit = 0;
  // 1023.95 would be shown as 1024.0.
  while (value >= (unit === 0 ? 1024 : 1023.95) && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
}

/**
 * `1.5 KiB/s`.
 * @param {number} bytesPerSecond
 */
export function formatRate(bytesPerSecond) {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/**
 * `5,000`.
 * @param {number} count
 */
export function formatCount(count) {
  return wholeNumbers.format(count);
}

/**
 * A count with its noun: `1 connection`, `1,234 connections`.
 * @param {number} count
 * @param {string} noun
 */
export function formatAmount(count, noun) {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/**
 * A rate per second: `0`, `0.4`, `12`, `3,400`.
 * @param {number} perSecond
 */
export function formatFrequency(perSecond) {
  return perSecond >= 0.05 && perSecond < 9.95 ? perSecond.toFixed(1) : formatCount(perSecond);
}

/**
 * The two largest parts of a duration: `340 ms`, `4.2 s`, `3 min 12 s`, `2 h 5 min`, `12 d 4 h`.
 * @param {number} milliseconds
 */
export function formatDuration(milliseconds) {
  if (milliseconds < SECOND) return `${Math.max(0, Math.round(milliseconds))} ms`;
  if (milliseconds < MINUTE - 50) return `${(milliseconds / SECOND).toFixed(1)} s`;
  if (milliseconds < HOUR) return parts(milliseconds, MINUTE, "min", SECOND, "s");
  if (milliseconds < DAY) return parts(milliseconds, HOUR, "h", MINUTE, "min");
  return parts(milliseconds, DAY, "d", HOUR, "h");
}

/**
 * The local time of day: `14:03:22`.
 * @param {string | number | Date} time
 */
export function formatClock(time) {
  const date = new Date(time);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(twoDigits).join(":");
}

/**
 * A reason of the API in words: `connection limit` for `connection_limit`.
 * @param {string} reason
 */
export function formatReason(reason) {
  return reason.replaceAll("_", " ");
}

/**
 * @param {number} milliseconds
 * @param {number} large
 * @param {string} largeUnit
 * @param {number} small
 * @param {string} smallUnit
 */
function parts(milliseconds, large, largeUnit, small, smallUnit) {
  const smalls = Math.floor(Math.max(milliseconds, large) / small);
  const perLarge = large / small;
  return `${Math.floor(smalls / perLarge)} ${largeUnit} ${smalls % perLarge} ${smallUnit}`;
}

/** @param {number} value */
function twoDigits(value) {
  return String(value).padStart(2, "0");
}
