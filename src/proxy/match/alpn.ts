/** `alpn`: matches a protocol that the client's ClientHello offers. */

import type { Condition } from "./condition.ts";

export const alpn: Condition<readonly string[]> = {
  reads: "hello",
  compile: (protocols) => (facts) => {
    const isMet = protocols.some((protocol) => facts.alpn?.includes(protocol));
    return isMet || !facts.awaitsHello ? isMet : undefined;
  },
};
