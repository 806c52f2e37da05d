/** `alpn`: a protocol that the client's ClientHello offers. */

import type { Condition } from "./condition.ts";

export const alpn: Condition<readonly string[]> = {
  readsHello: true,
  compile: (protocols) => (facts) => protocols.some((protocol) => facts.alpn?.includes(protocol)),
};
