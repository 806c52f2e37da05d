/** Guesses the intended word after a typing error, or for a key of another program. */

import { distance } from "fastest-levenshtein";

/** The longest text that is compared, in characters: the time of a comparison grows with both lengths. */
const LONGEST = 200;

/** The candidate that differs from the typed text by at most one or two errors, or begins with it. */
export function closestOf(typed: string, candidates: readonly string[]): string | undefined {
  if (typed.length > LONGEST) return undefined;
  const plain = lettersOf(typed);
  const allowed = plain.length < 5 ? 1 : Math.max(2, Math.floor(plain.length / 3));
  // "v3" is not a typing error for "v2".
  const isShort = plain.length < 3;
  const [best] = candidates.map((each) => ({ each, slips: slipsBetween(plain, lettersOf(each)) }))
    .filter(({ each }) => !isShort || each.length !== plain.length)
    .sort((a, b) => a.slips - b.slips);
  if (best !== undefined && best.slips <= allowed) return best.each;
  const similar = candidates.filter((each) => goOnAlike(plain, lettersOf(each)));
  return similar.length === 1 ? similar[0] : undefined;
}

/** What to write instead of a word: the choice that was probably meant, or `expected` and all choices. */
export function hintFor(typed: string, choices: readonly string[], expected = "expected"): string {
  const meant = closestOf(typed, choices);
  return meant === undefined ? `${expected} ${choices.join(", ")}` : `did you mean "${meant}"?`;
}

/** Keys of other programs, by their names here. */
const SYNONYMS: Readonly<Record<string, string>> = {
  listen: "bind port address source from local listener",
  upstream: "target backend server servers to dest destination forward remote proxy_pass",
  endpoints: "servers backends hosts addresses nodes members",
  balance: "policy lb lb_policy algorithm strategy",
  services: "listeners proxies frontends streams routers",
  upstreams: "backends clusters groups pools",
  cert: "certificate crt certificate_file cert_file ssl_certificate",
  key: "private_key key_file ssl_certificate_key",
  client_ca: "ca ca_file cafile",
  ca: "ca_file cafile",
  certificates: "certs",
  tls: "ssl",
  workers: "threads processes",
  connections: "max_connections maxconn",
  max_connections: "maxconn max_conns",
  queue: "maxqueue timeout_queue queue_timeout",
  sni: "server_name host hostname",
};

/**
 * The keys that an unknown key may mean: the closest, those that contain it, or the key of another program.
 */
export function keysLike(typed: string, known: readonly string[]): string[] {
  const longer = known.filter((each) => each.endsWith(`_${typed}`) || each.startsWith(`${typed}_`));
  if (longer.length > 1) return longer;
  const closest = closestOf(typed, known) ?? longer[0];
  if (closest !== undefined) return [closest];
  return known.filter((each) => Object.hasOwn(SYNONYMS, each) && SYNONYMS[each]!.split(" ").includes(typed));
}

/** Formats words as a choice: `a, b or c`. */
export function anyOf(words: readonly string[]): string {
  const last = words.at(-1) ?? "";
  return words.length < 2 ? last : `${words.slice(0, -1).join(", ")} or ${last}`;
}

/** How many letters differ; swapped letters count as one error. */
function slipsBetween(a: string, b: string): number {
  const slips = distance(a, b);
  return slips === 2 && [...a].sort().join() === [...b].sort().join() ? 1 : slips;
}

function lettersOf(text: string): string {
  return text.toLowerCase().replace(/[\s_.-]/g, "");
}

function goOnAlike(a: string, b: string): boolean {
  return Math.min(a.length, b.length) >= 4 && (a.startsWith(b) || b.startsWith(a));
}
