/** IMAP: the server greets, and a client asks with STARTTLS (RFC 9051 section 6.2.1). */

import { quoted } from "../quoted.ts";
import { bytesOf, lineAt } from "./lines.ts";
import { BEHIND_CONSENT, NEED_MORE, type Request, type StartTls, type Step } from "./starttls.ts";

const CAPABILITIES = "CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED";
/** A tag and a command (RFC 9051 section 9). */
const COMMAND = /^((?:(?![(){%*"\\+])[!-~]){1,64}) +([a-z]+)/i;
/** The tag of the only command that is sent. */
const TAG = "tls";

export const imap: StartTls = {
  accept: () => ({ opening: bytesOf(`* OK [${CAPABILITIES}] ready\r\n`), next: answer }),
  request: () => new Client(),
  skipGreeting: () => ({ next: skipGreeting }),
};

function answer(received: Uint8Array): Step {
  const line = lineAt(received, 0);
  if (line === undefined) return NEED_MORE;
  const [, tag, command] = COMMAND.exec(line.text) ?? [];
  const send = (text: string): Step => ({ kind: "send", length: line.end, bytes: bytesOf(`${text}\r\n`) });
  switch (command?.toUpperCase()) {
    case undefined:
      return send("* BAD Expected a tag and a command");
    case "STARTTLS":
      // A stranger may have put commands behind it, to be taken for those of the client inside TLS.
      return { kind: "tls", length: received.length, bytes: bytesOf(`${tag} OK Begin TLS\r\n`) };
    case "CAPABILITY":
      return send(`* ${CAPABILITIES}\r\n${tag} OK Done`);
    case "NOOP":
      return send(`${tag} OK Done`);
    case "LOGOUT":
      return {
        kind: "refused",
        reason: "left without STARTTLS",
        bytes: bytesOf(`* BYE Logging out\r\n${tag} OK Done\r\n`),
      };
    default:
      return send(`${tag} BAD Begin TLS with STARTTLS first`);
  }
}

class Client implements Request {
  greeting: Uint8Array | undefined;

  next(received: Uint8Array): Step {
    const line = lineAt(received, 0);
    if (line === undefined) return NEED_MORE;
    const { text, end } = line;
    if (this.greeting === undefined) {
      if (!isOk(text)) return noGreeting(text);
      // Inside TLS, the server has other capabilities.
      this.greeting = bytesOf(`${text.replace(/^(\* OK) \[CAPABILITY [^\]]*\]/i, "$1")}\r\n`);
      return { kind: "send", length: end, bytes: bytesOf(`${TAG} STARTTLS\r\n`) };
    }
    if (/^\* BYE\b/i.test(text)) return noGreeting(text);
    if (text.startsWith("* ")) return { kind: "send", length: end, bytes: new Uint8Array(0) };
    if (!text.startsWith(`${TAG} `)) return { kind: "invalid", reason: NO_IMAP };
    if (!/^\S+ OK\b/i.test(text)) {
      return { kind: "refused", reason: `answered STARTTLS with ${quoted(bytesOf(text))}` };
    }
    if (received.length > end) return { kind: "invalid", reason: BEHIND_CONSENT };
    return { kind: "tls", length: end };
  }
}

function skipGreeting(received: Uint8Array): Step {
  const line = lineAt(received, 0);
  if (line === undefined) return NEED_MORE;
  if (isOk(line.text)) return { kind: "plain", length: line.end };
  // It may come at any time.
  return /^\* BYE\b/i.test(line.text) ? { kind: "plain", length: 0 } : noGreeting(line.text);
}

const NO_IMAP = "answered with something that is not IMAP";

function isOk(greeting: string): boolean {
  return /^\* OK\b/i.test(greeting);
}

/** `* PREAUTH` is refused too: RFC 9051 allows no STARTTLS after it, and the client would not know of its login. */
function noGreeting(text: string): Step {
  if (!text.startsWith("* ")) return { kind: "invalid", reason: NO_IMAP };
  return { kind: "refused", reason: `greeted with ${quoted(bytesOf(text))}` };
}
