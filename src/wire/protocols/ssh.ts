/** SSH: the identification string, which a client sends before anything else (RFC 4253 section 4.2). */

import { ascii, lookFor, type Protocol } from "./look.ts";

const IDENTIFICATION = ascii("SSH-");

export const ssh: Protocol = {
  begins: "`SSH-`",
  look: (bytes) => lookFor(bytes, IDENTIFICATION),
};
