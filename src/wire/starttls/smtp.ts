/** SMTP: the server greets, and a client asks with STARTTLS (RFC 3207). */

import { quoted } from "../quoted.ts";
import { bytesOf, lineAt } from "./lines.ts";
import {
  BEHIND_CONSENT,
  type Dialogue,
  NEED_MORE,
  type Request,
  type StartTls,
  type Step,
} from "./starttls.ts";

/** The answers without TLS, by command. To any other command, RFC 3207 section 4 has 530. */
const ANSWERS: Readonly<Record<string, string>> = { NOOP: "250 OK", RSET: "250 OK" };
const TLS_FIRST = "530 Must issue a STARTTLS command first";
/** The most lines of a reply. */
const MOST_LINES = 100;

export const smtp: StartTls = {
  accept: ({ name }) => new Server(name),
  request: (name) => new Client(name),
  skipGreeting: () => ({ next: skipGreeting }),
};

class Server implements Dialogue {
  readonly opening: Uint8Array;
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
    this.opening = reply(`220 ${name} ESMTP`);
  }

  next(received: Uint8Array): Step {
    const line = lineAt(received, 0);
    if (line === undefined) return NEED_MORE;
    const [command = "", ...parameters] = line.text.trim().split(/ +/);
    switch (command.toUpperCase()) {
      case "STARTTLS":
        if (parameters.length > 0) return send(line.end, "501 STARTTLS has no parameters");
        // A stranger may have put commands behind it, to be taken for those of the client inside TLS.
        return { kind: "tls", length: received.length, bytes: reply("220 Ready to start TLS") };
      case "EHLO":
        return send(line.end, `250-${this.#name}\r\n250 STARTTLS`);
      case "HELO":
        return send(line.end, `250 ${this.#name}`);
      case "QUIT":
        return { kind: "refused", reason: "left without STARTTLS", bytes: reply("221 Bye") };
      default:
        return send(line.end, ANSWERS[command.toUpperCase()] ?? TLS_FIRST);
    }
  }
}

class Client implements Request {
  greeting: Uint8Array | undefined;
  /** The command that was sent last. */
  #asked: "" | "EHLO" | "STARTTLS" = "";
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  next(received: Uint8Array): Step {
    const answer = readReply(received);
    if (answer === undefined) return NEED_MORE;
    if (answer === "invalid") return { kind: "invalid", reason: NO_REPLY };
    const { code, lines, length } = answer;
    const command = this.#asked;
    if (code !== (command === "EHLO" ? 250 : 220)) {
      const to = command === "" ? "greeted" : `answered ${command}`;
      return { kind: "refused", reason: `${to} with ${quoted(bytesOf(lines[0]!))}` };
    }
    if (command === "") {
      this.greeting = received.slice(0, length);
      return this.#send("EHLO", length, `EHLO ${this.#name}`);
    }
    if (command === "EHLO") {
      if (lines.some((line) => /^.{4}STARTTLS\s*$/i.test(line))) {
        return this.#send("STARTTLS", length, "STARTTLS");
      }
      return { kind: "refused", reason: "does not offer STARTTLS" };
    }
    if (received.length > length) return { kind: "invalid", reason: BEHIND_CONSENT };
    return { kind: "tls", length };
  }

  #send(command: "EHLO" | "STARTTLS", length: number, line: string): Step {
    this.#asked = command;
    return send(length, line);
  }
}

function skipGreeting(received: Uint8Array): Step {
  const greeting = readReply(received);
  if (greeting === undefined) return NEED_MORE;
  if (greeting === "invalid") return { kind: "invalid", reason: NO_REPLY };
  // A refusal answers the first command of the client.
  return { kind: "plain", length: greeting.code === 220 ? greeting.length : 0 };
}

const NO_REPLY = "answered with something that is not SMTP";

interface Reply {
  readonly code: number;
  readonly lines: readonly string[];
  readonly length: number;
}

/** A reply of one or more lines (RFC 5321 section 4.2); undefined while it is incomplete. */
function readReply(received: Uint8Array): Reply | undefined | "invalid" {
  const lines: string[] = [];
  for (let start = 0;;) {
    const line = lineAt(received, start);
    if (line === undefined) return undefined;
    const [, code, isMore] = /^(\d{3})(-?)/.exec(line.text) ?? [];
    if (code === undefined || lines.length === MOST_LINES) return "invalid";
    lines.push(line.text);
    if (isMore === "") return { code: Number(code), lines, length: line.end };
    start = line.end;
  }
}

function send(length: number, text: string): Step {
  return { kind: "send", length, bytes: reply(text) };
}

function reply(text: string): Uint8Array {
  return bytesOf(`${text}\r\n`);
}
