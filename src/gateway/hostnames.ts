/** Host names of listeners and routes, which may begin with `*.`: that stands for one label or more. */

const LABEL = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?";
const HOSTNAME = new RegExp(`^(\\*\\.)?${LABEL}(\\.${LABEL})*$`);
/** The last label of an IPv4 address is a number, that of a name is not. */
const ADDRESS = /(^|\.)\d+$/;
const LONGEST = 253;

/** Whether a text in lower case is a host name, or `*.` and one. */
export function isHostname(text: string): boolean {
  return text.length <= LONGEST && HOSTNAME.test(text) && !ADDRESS.test(text);
}

/**
 * The names that two host names have in common, as a host name; undefined if they have none. Undefined stands for any
 * name.
 *
 * @example
 * ```ts
 * intersection("*.example.com", "a.b.example.com"); // a.b.example.com
 * intersection("a.example.com", "*.example.com"); // a.example.com
 * intersection("*.example.com", "example.com"); // undefined
 * ```
 */
export function intersection(one: string | undefined, other: string): string | undefined {
  if (one === undefined || covers(one, other)) return other;
  return covers(other, one) ? one : undefined;
}

/** Whether a host name, or any, has all names that another one has. */
export function covers(general: string | undefined, special: string | undefined): boolean {
  if (general === undefined || general === special) return true;
  return special !== undefined && general.startsWith("*.") && special.endsWith(general.slice(1));
}

/** The most specific first: whole names, then wildcards by the number of their labels, then any name. */
export function bySpecificity(a: string | undefined, b: string | undefined): number {
  return rankOf(b) - rankOf(a);
}

function rankOf(hostname: string | undefined): number {
  if (hostname === undefined) return 0;
  return hostname.startsWith("*.") ? hostname.split(".").length : Number.MAX_SAFE_INTEGER;
}
