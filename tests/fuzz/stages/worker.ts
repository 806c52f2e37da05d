/** A thread that relays, to the connections of which stages come. */

import "./coming_and_going.ts";
import "../../../src/runtime/worker/worker.ts";
