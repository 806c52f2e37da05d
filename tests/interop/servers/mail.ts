/** A real SMTP server and client, from npm. */

import type { Buffer } from "node:buffer";
import type { AddressInfo } from "node:net";
import { eventually } from "../../support/eventually.ts";
import { createTransport } from "npm:nodemailer@10.6.0";
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from "npm:smtp-server@3.21.6";

import type { KeyPair } from "../../support/certificates.ts";

export interface Message {
  /** The message as the server received it, one character per byte. */
  readonly text: string;
  /** Whether it came over TLS. */
  readonly secure: boolean;
}

/** Keeps every message. It offers STARTTLS, with the certificate for tests that the package has unless given another. */
export class MailServer implements AsyncDisposable {
  readonly messages: Message[] = [];
  readonly #server: SMTPServer;
  /** Connections for which the package waits a moment for a client that talks too soon: a timer that nothing cancels. */
  #waiting = 0;

  private constructor(tls: { cert: string; key: string } | undefined) {
    this.#server = new SMTPServer({
      ...tls,
      name: "mail.example",
      authOptional: true,
      size: 10_000_000,
      resolver: { reverse: (_, callback) => this.#waited(callback) }, // which it asks when it has waited
      logger: false,
      onData: (stream, session, done) => {
        this.#keep(stream, session).then(() => done(), done);
      },
    });
    this.#server.on("error", () => {}); // of one connection; the sender gets one too
    this.#server.server.on("connection", () => this.#waiting++);
  }

  static async start(tls?: KeyPair): Promise<MailServer> {
    const read = Deno.readTextFile;
    const mail = new MailServer(tls && { cert: await read(tls.cert), key: await read(tls.key) });
    await new Promise<void>((resolve) => mail.#server.listen(0, "127.0.0.1", resolve));
    return mail;
  }

  get port(): number {
    return (this.#server.server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // While a connection is open, closing would start a timer that outlives the test.
    const { connections } = this.#server as unknown as { connections: Set<unknown> };
    const open = () => connections.size + this.#waiting;
    await eventually("the last client has left", open, (count) => count === 0);
    await new Promise<void>((resolve) => this.#server.close(resolve));
  }

  #waited(callback: (error: Error | null, names?: string[]) => void): void {
    this.#waiting--;
    callback(null, []);
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
