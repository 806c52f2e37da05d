/** `openssl s_server` on a free port. */

import type { KeyPair } from "../../support/certificates.ts";
import { spawn } from "../../support/interop.ts";

export class OpensslServer implements AsyncDisposable {
  readonly port: number;
  readonly #child: Deno.ChildProcess;
  readonly #written: Promise<unknown>;

  private constructor(port: number, child: Deno.ChildProcess, written: Promise<unknown>) {
    this.port = port;
    this.#child = child;
    this.#written = written;
  }

  /** @throws When it does not start, with its output. */
  static async start(pair: KeyPair, args: string[]): Promise<OpensslServer> {
    const all = ["s_server", "-accept", "127.0.0.1:0", "-cert", pair.cert, "-key", pair.key, ...args];
    const child = spawn("openssl", all, { input: "" });
    const port = Promise.withResolvers<number>();
    const stderr = new Response(child.stderr).text();
    const stdout = readPort(child.stdout, port.resolve);
    stdout.then(async () => port.reject(new Error(`openssl s_server ended\n${await stderr}`)));
    return new OpensslServer(await port.promise, child, Promise.all([stdout, stderr]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stdin.close().catch(() => {});
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await Promise.all([this.#child.status, this.#written]);
  }
}

async function readPort(output: ReadableStream<Uint8Array>, onPort: (port: number) => void): Promise<void> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of output) {
    text += decoder.decode(chunk, { stream: true });
    const port = /^ACCEPT .*:(\d+)$/m.exec(text)?.[1];
    if (port !== undefined) onPort(Number(port));
  }
}
