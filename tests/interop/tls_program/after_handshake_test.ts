/** TLS that fails long after the handshake has a reason of its own, the same with both engines. */

import assert from "node:assert/strict";
import { Sluice } from "../../support/program/program.ts";
import { LineReader } from "../../support/peers/line_reader.ts";
import { connect, endOf } from "../../support/peers/sockets.ts";
import { CertificateAuthority, OPENSSL } from "../../support/certificates.ts";
import { interopTest, spawn } from "../../support/interop.ts";
import { NAME, terminating } from "../../support/program/tls_termination.ts";

const OPENSSL_AND_STDBUF = {
  needs: [...OPENSSL.needs, "stdbuf"],
  install: "apt-get install openssl coreutils",
};

/** More changes of keys in a row, without a byte of data between them, than any real client makes. */
const KEY_UPDATES = 60;

/** Commands typed to openssl, each after openssl has confirmed the one before. */
const WAYS: [what: string, version: string, commands: string[], done: string, detail: string][] = [
  [
    "asks for new keys without end",
    "-tls1_3",
    Array(KEY_UPDATES).fill("K"),
    "KEYUPDATE",
    "The client asked for new keys too often",
  ],
  [
    "tries to renegotiate",
    "-tls1_2",
    ["R"],
    "RENEGOTIATING",
    "The client ended TLS as after an attempt to renegotiate (alert HandshakeFailure)",
  ],
];

for (const engine of ["node", "deno"] as const) {
  for (const [what, version, commands, done, detail] of WAYS) {
    interopTest(
      `a client that ${what} is a TLS error, not a failed handshake, with engine: ${engine}`,
      OPENSSL_AND_STDBUF,
      async (stack) => {
        const { sluice } = await terminating(stack, { tls: () => [`engine: ${engine}`] });
        const args = ["s_client", "-connect", `127.0.0.1:${sluice.port()}`, version, "-servername", NAME];
        const client = stack.use(new Openssl(args));
        await client.stdout.find((line) => line.includes("Verify return code"));
        const ended = sluice.loggedEvents("connection_closed", 1);
        await client.type(commands, client.stderr, done, ended);
        const [line] = await ended;
        const { reason, code, detail: found, ended_by } = line!;
        assert.deepEqual({ reason, code, detail: found, ended_by }, {
          reason: "client TLS failed",
          code: "tls_failed",
          detail,
          ended_by: "client",
        });
      },
    );
  }
}

interopTest(
  "an upstream that asks for new keys endlessly is a TLS error, not a failed handshake",
  OPENSSL_AND_STDBUF,
  async (stack) => {
    const authority = stack.use(await CertificateAuthority.create());
    const pair = await authority.issue({ name: NAME });
    const args = ["s_server", "-accept", "127.0.0.1:0", "-cert", pair.cert, "-key", pair.key, "-tls1_3"];
    const server = stack.use(new Openssl(args));
    const port = /\d+$/.exec(await server.stdout.find((line) => line.startsWith("ACCEPT ")))![0];
    const sluice = stack.use(
      await Sluice.withConfig(
        `{ log: { format: json }, services: [{ name: test, listen: 0, upstream: "127.0.0.1:${port}", ` +
          `upstream_tls: { ca: "${authority.cert}", server_name: ${NAME} } }] }`,
      ),
    );
    using client = await connect(sluice.port());
    await server.stdout.find((line) => line.startsWith("CIPHER is "));
    const ended = sluice.loggedEvents("connection_closed", 1);
    await server.type(Array(KEY_UPDATES).fill("K"), server.stdout, "SSL_do_handshake -> ", ended);
    await endOf(client);
    const [line] = await ended;
    assert.deepEqual([line!.reason, line!.code, line!.detail], [
      "upstream TLS failed",
      "tls_failed",
      "The upstream asked for new keys too often",
    ]);
  },
);

/** openssl with an interactive standard input. */
class Openssl implements AsyncDisposable {
  readonly stdout: LineReader;
  readonly stderr: LineReader;
  readonly #child: Deno.ChildProcess;
  readonly #keyboard: WritableStreamDefaultWriter<Uint8Array>;

  constructor(args: string[]) {
    // stdbuf makes openssl write line by line, as to a terminal.
    this.#child = spawn("stdbuf", ["-oL", "openssl", ...args], { input: "" });
    this.#keyboard = this.#child.stdin.getWriter();
    this.stdout = new LineReader(this.#child.stdout);
    this.stderr = new LineReader(this.#child.stderr);
  }

  /**
   * Types each command after openssl has confirmed the one before with a line that begins with `done`, until `ended`.
   */
  async type(commands: string[], output: LineReader, done: string, ended: Promise<unknown>): Promise<void> {
    let isOver = false;
    const over = ended.finally(() => isOver = true);
    for (const [index, command] of commands.entries()) {
      if (isOver) return;
      let seen = 0;
      const write = this.#keyboard.write(new TextEncoder().encode(`${command}\n`));
      const isDone = write.then(() => output.find((line) => line.startsWith(done) && seen++ === index));
      // Once its connection is closed, openssl may end or stop writing before sluice logs the end.
      await Promise.race([isDone.catch(() => over), over]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#keyboard.close().catch(() => {});
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await Promise.all([this.#child.status, this.stdout.done, this.stderr.done]);
  }
}
