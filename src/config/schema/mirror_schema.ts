/** The shape of `mirror`. */

import { share, size } from "./fields.ts";
import { upstream } from "./group_schema.ts";
import { section } from "./section.ts";

/** In bytes: less does not hold what arrives while one write is under way. */
const MIN_BUFFER = 64 * 1024;
const MAX_BUFFER = 64 * 1024 * 1024;

export const mirror = section('a mapping such as "upstream: staging:5432"', {
  upstream: upstream.describe(
    "Where copies go, written as the upstream of a service: an address, a list, the name of a group or a group " +
      "written in place. Connections to it have no TLS and no PROXY header.",
  ),
  share: share().prefault(1).describe("The share of connections to copy, 0.1 or 10% for one in ten."),
  buffer: size(MIN_BUFFER, MAX_BUFFER).prefault("1MiB").describe(
    "How much of a connection may wait for its copy, 64KiB to 64MiB. With more than that, the copy is given up.",
  ),
});
