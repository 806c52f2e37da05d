/** A real SMTP server and client, from npm. */

import type { Buffer } from "node:buffer";
import type { AddressInfo } from "node:net";
import { createTransport } from "npm:nodemailer@10.6.0";
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from "npm:smtp-server@3.21.6";

export interface Message {
  /** The message as it came, one character per byte. */
  readonly text: string;
  /** Whether it came over TLS. */
  readonly secure: boolean;
}

/** Keeps every message. It offers STARTTLS, with the certificate for tests that the package has. */
export class MailServer implements AsyncDisposable {
  readonly messages: Message[] = [];
  readonly #server: SMTPServer;

  private constructor() {
    this.#server = new SMTPServer({
      name: "mail.example",
      authOptional: true,
      size: 10_000_000,
      disableReverseLookup: true,
      logger: false,
      onData: (stream, session, done) => {
        this.#keep(stream, session).then(() => done(), done);
      },
    });
    this.#server.on("error", () => {}); // of one connection: the sender has one too
  }

  static async start(): Promise<MailServer> {
    const mail = new MailServer();
    await new Promise<void>((resolve) => mail.#server.listen(0, "127.0.0.1", resolve));
    return mail;
  }

  get port(): number {
    return (this.#server.server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(resolve));
  }

  async #keep(stream: SMTPServerDataStream, session: SMTPServerSession): Promise<void> {
    let text = "";
    for await (const chunk of stream) text += (chunk as Buffer).toString("latin1");
    this.messages.push({ text, secure: session.secure });
  }
}

/** Sends a message that is the same, byte for byte, each time it is sent with the same attachment. */
export async function send(port: number, attachment: Buffer, options: { secure: boolean }): Promise<void> {
  const transport = createTransport({
    host: "127.0.0.1",
    port,
    ...options.secure ? { requireTLS: true, tls: { rejectUnauthorized: false } } : { ignoreTLS: true },
  });
  try {
    await transport.sendMail({
      from: "sender@example.org",
      to: "receiver@example.org",
      subject: "Interop",
      text: "A line\n.\n..a line with dots, and one with nothing but a dot\n",
      attachments: [{ filename: "random.bin", content: attachment }],
      messageId: "<interop@example.org>",
      date: new Date(0),
      baseBoundary: "interop",
    });
  } finally {
    transport.close();
  }
}
