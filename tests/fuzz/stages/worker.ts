/** A thread that relays, with stages on its connections. */

import "./coming_and_going.ts";
import "../../../src/runtime/worker/worker.ts";
