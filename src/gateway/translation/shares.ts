/** The weights of endpoints, from those of the backends that they belong to. */

export interface Share {
  readonly address: string;
  /** From 1 to {@linkcode LARGEST_WEIGHT}. */
  readonly weight: number;
}

export interface WeightedBackend {
  /** A whole number; 0 gets nothing. */
  readonly weight: number;
  /** At least one. */
  readonly addresses: readonly string[];
}

/** The largest weight of an endpoint. */
export const LARGEST_WEIGHT = 1000;

/**
 * Divides the weight of each backend among its addresses. The result is exact where whole numbers up to 1000 can say
 * it; beyond that, it is as close as they come, and every backend with a weight keeps a share.
 *
 * @example
 * ```ts
 * sharesOf([{ weight: 9, addresses: ["a", "b", "c"] }, { weight: 1, addresses: ["d"] }]);
 * // a, b and c have the weight 3, and d has the weight 1
 * ```
 */
export function sharesOf(backends: readonly WeightedBackend[]): Share[] {
  const used = backends.filter(({ weight }) => weight > 0);
  const divisor = used.reduce((product, { addresses }) => leastMultiple(product, addresses.length), 1);
  const parts = new Map<string, number>();
  for (const { weight, addresses } of used) {
    const part = weight * (divisor / addresses.length);
    // Several backends may have an address: that of a Service which is named twice.
    for (const address of addresses) parts.set(address, (parts.get(address) ?? 0) + part);
  }
  return scaled([...parts]);
}

function scaled(parts: readonly (readonly [string, number])[]): Share[] {
  const common = parts.reduce((divisor, [, part]) => greatestDivisor(divisor, part), 0);
  const largest = parts.reduce((most, [, part]) => Math.max(most, part), 0);
  const isExact = Number.isSafeInteger(largest) && largest / common <= LARGEST_WEIGHT;
  return parts.map(([address, part]) => ({
    address,
    weight: isExact ? part / common : Math.max(1, Math.round(part / largest * LARGEST_WEIGHT)),
  }));
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}

function leastMultiple(a: number, b: number): number {
  return a / greatestDivisor(a, b) * b;
}
