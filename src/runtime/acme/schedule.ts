/**
 * When a certificate is renewed, and when an order that failed is tried again. Times are in milliseconds since 1970.
 */

import type { RenewalWindow } from "../../acme/renewal_info.ts";

/** Renewals begin when this share of the life of a certificate is over. */
const RENEW_AT = 2 / 3;
/** Proxies and certificates spread over this share of it. */
const SPREAD = 1 / 50;
/** A server may move the renewal, but not into this last share of it. */
const LAST = 1 / 6;

/** A certificate of this age may be renewed whatever the server's window is, in milliseconds. */
const LONGEST_AGE = 86_400_000;

/** The pause after the first failure, and the longest one, in milliseconds. */
const FIRST_PAUSE = 120_000;
const LONGEST_PAUSE = 6 * 3_600_000;
/** The longest one while there is no certificate at all. */
const LONGEST_WITHOUT = 3_600_000;
/** The least, however short certificates live. */
const LEAST_PAUSE = 10_000;
/** The share of its life that a pause may take: there is time for several attempts before the end. */
const PAUSE_SHARE = 1 / 12;

/** How long a certificate is valid. */
export interface Life {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** @param fraction Chance, from 0 to 1: which moment of the spread, and of the server's window. */
export function renewalTime(
  { notBefore, notAfter }: Life,
  { window, fraction }: {
    readonly window: Pick<RenewalWindow, "start" | "end"> | undefined;
    readonly fraction: number;
  },
): number {
  const life = notAfter - notBefore;
  if (window === undefined) return notBefore + life * (RENEW_AT + SPREAD * fraction);
  const asked = window.start + (window.end - window.start) * fraction;
  // A window that is over as soon as a certificate is issued must not make one order follow the other.
  const earliest = notBefore + Math.min(life * PAUSE_SHARE, LONGEST_AGE);
  return Math.min(Math.max(asked, earliest), notAfter - life * LAST);
}

/**
 * The pause after this many failures in a row, in milliseconds: twice as long each time.
 *
 * @param life Of the certificate in use, if there is one.
 * @param fraction Chance, from 0 to 1: pauses differ by a fifth either way.
 */
export function backOff(attempts: number, life: Life | undefined, fraction: number): number {
  const longest = life === undefined
    ? LONGEST_WITHOUT
    : Math.min(Math.max((life.notAfter - life.notBefore) * PAUSE_SHARE, LEAST_PAUSE), LONGEST_PAUSE);
  const pause = Math.min(FIRST_PAUSE * 2 ** Math.min(attempts - 1, 20), longest);
  return pause * (0.8 + 0.4 * fraction);
}
