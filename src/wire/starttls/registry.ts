/** The protocols that begin in plain text and ask for TLS inside. To add one, write its file and its line here. */

import { imap } from "./imap.ts";
import { postgres } from "./postgres.ts";
import { smtp } from "./smtp.ts";
import type { StartTls } from "./starttls.ts";

const PROTOCOLS = { postgres, smtp, imap } as const satisfies Record<string, StartTls>;

export type StartTlsProtocol = keyof typeof PROTOCOLS;

export const STARTTLS_PROTOCOLS = Object.keys(PROTOCOLS) as [StartTlsProtocol, ...StartTlsProtocol[]];

export function startTlsOf(protocol: StartTlsProtocol): StartTls {
  return PROTOCOLS[protocol];
}

/** Those in which the client speaks first, and asks whether there is TLS. */
export const CLIENT_FIRST = STARTTLS_PROTOCOLS.filter((protocol) =>
  startTlsOf(protocol).decline !== undefined
);
