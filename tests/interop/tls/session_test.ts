/** What a resumed TLS session may keep of the handshake that it began with. */

import assert from "node:assert/strict";
import { ProxyError } from "../../../src/net/errors.ts";
import type { TlsFacts, TlsServerOptions } from "../../../src/net/tls/server.ts";
import { eventually } from "../../support/eventually.ts";
import { CertificateAuthority, type KeyPair, OPENSSL } from "../../support/certificates.ts";
import { interopTest } from "../../support/interop.ts";
import { NAME, terminating } from "../../support/program/tls_termination.ts";
import { openssl } from "../servers/tls_clients.ts";
import { serverOptions, TerminatingServer } from "./terminating_server.ts";

const SECOND = 1 / 86_400;
const VERSIONS = ["-tls1_2", "-tls1_3"];

/** Servers, and a client that keeps its session with one of them. */
class Sessions {
  readonly authority: CertificateAuthority;
  readonly other: CertificateAuthority;
  readonly #fixture: AsyncDisposableStack;
  readonly #version: string;
  readonly #file: string;

  private constructor(
    stack: AsyncDisposableStack,
    version: string,
    [authority, other]: [CertificateAuthority, CertificateAuthority],
  ) {
    this.#fixture = stack;
    this.#version = version;
    this.authority = authority;
    this.other = other;
    this.#file = `${authority.directory}/session`;
  }

  static async create(stack: AsyncDisposableStack, version: string): Promise<Sessions> {
    const authorities = await Promise.all(["One", "Other"].map((name) => CertificateAuthority.create(name)));
    for (const authority of authorities) stack.use(authority);
    return new Sessions(stack, version, authorities as [CertificateAuthority, CertificateAuthority]);
  }

  options(changes: Partial<TlsServerOptions> = {}, ...pairs: KeyPair[]): Promise<TlsServerOptions> {
    return serverOptions(this.authority, pairs, { clientAuth: "require", ...changes });
  }

  /** A server with a certificate of its own. */
  async server(changes: Partial<TlsServerOptions> = {}): Promise<TerminatingServer> {
    const pair = await this.authority.issue({ name: "server.test" });
    return this.#fixture.use(new TerminatingServer(await this.options(changes, pair)));
  }

  /** Trusts only the other authority to issue certificates for clients. */
  async others(changes: Partial<TlsServerOptions> = {}): Promise<TerminatingServer> {
    const clientAuthorities = [await Deno.readTextFile(this.other.cert)];
    return await this.server({ clientAuthorities, ...changes });
  }

  /** A client with a certificate, which is admitted and keeps its session. */
  async login(server: TerminatingServer, until?: number, args: string[] = []): Promise<void> {
    const alice = await this.authority.issue({
      name: "alice",
      usage: "clientAuth",
      ...until === undefined ? {} : { until },
    });
    await this.#connect(server, ["-cert", alice.cert, "-key", alice.key, "-sess_out", this.#file, ...args]);
    assert.equal((await server.outcome() as TlsFacts).clientSubject, "O=Test, CN=alice");
  }

  /** A client with that session and no certificate. */
  async resume(server: TerminatingServer, args: string[] = []): Promise<unknown> {
    await this.#connect(server, ["-sess_in", this.#file, ...args]);
    return await server.outcome();
  }

  async #connect({ port }: TerminatingServer, args: string[]): Promise<void> {
    await openssl(port, [this.#version, ...args], "hello");
  }
}

function assertRefused(outcome: unknown, message: RegExp): void {
  assert.ok(outcome instanceof ProxyError, JSON.stringify(outcome));
  assert.equal(outcome.code, "tls_certificate_rejected");
  assert.match(outcome.message, message);
}

const UNTRUSTED = /: its issuer, CN=One, is not trusted$/;

for (const version of VERSIONS) {
  interopTest(`a session of one server does not resume at another (${version})`, OPENSSL, async (stack) => {
    const sessions = await Sessions.create(stack, version);
    const first = await sessions.server();
    await sessions.login(first);
    // The client has shown no certificate this time, so the session was resumed.
    const resumed = await sessions.resume(first) as TlsFacts;
    assert.deepEqual([resumed.clientSubject, resumed.clientName, resumed.isResumed], [
      "O=Test, CN=alice",
      "alice",
      true,
    ]);
    assert.equal(
      (await sessions.resume(await sessions.server()) as TlsFacts).clientSubject,
      "O=Test, CN=alice",
    );
    for (const clientAuth of ["require", "request"] as const) {
      assertRefused(await sessions.resume(await sessions.others({ clientAuth })), UNTRUSTED);
    }
    const stranger = await sessions.others({ clientAuth: "none" });
    assert.equal((await sessions.resume(stranger) as TlsFacts).clientSubject, undefined);
  });

  interopTest(`a session does not resume once its authority is gone (${version})`, OPENSSL, async (stack) => {
    const sessions = await Sessions.create(stack, version);
    const first = await sessions.server();
    await sessions.login(first);
    const pair = await sessions.authority.issue({ name: "server.test" });
    const both = [sessions.other.cert, sessions.authority.cert].map((path) => Deno.readTextFileSync(path));
    first.server.update(await sessions.options({ clientAuthorities: both }, pair));
    assert.equal((await sessions.resume(first) as TlsFacts).clientSubject, "O=Test, CN=alice");
    first.server.update(await sessions.options({ clientAuthorities: both.slice(0, 1) }, pair));
    assertRefused(await sessions.resume(first), UNTRUSTED);
  });

  interopTest(
    `a session does not resume once its client's certificate has expired (${version})`,
    OPENSSL,
    async (stack) => {
      const sessions = await Sessions.create(stack, version);
      const server = await sessions.server();
      await sessions.login(server, 4 * SECOND);
      const refused = await eventually(
        "the certificate to expire",
        () => sessions.resume(server),
        (outcome) => outcome instanceof ProxyError,
      );
      assertRefused(refused, /: it expired on \d{4}-/);
    },
  );

  interopTest(
    `a session without a client certificate does not resume where one is required (${version})`,
    OPENSSL,
    async (stack) => {
      const sessions = await Sessions.create(stack, version);
      const open = await sessions.server({ clientAuth: "request" });
      const anonymous = ["-sess_out", `${sessions.authority.directory}/session`];
      await openssl(open.port, [version, ...anonymous], "hello");
      assert.equal("clientSubject" in (await open.outcome() as TlsFacts), false);
      assertRefused(await sessions.resume(await sessions.server()), /^The client sent no certificate$/);
    },
  );

  interopTest(
    `ALPN and SNI are negotiated again in a resumed session (${version})`,
    OPENSSL,
    async (stack) => {
      const sessions = await Sessions.create(stack, version);
      const first = await sessions.server({ alpn: ["h2"] });
      await sessions.login(first, undefined, ["-alpn", "h2", "-servername", "a.test"]);
      const other = await sessions.server({ alpn: ["imap", "h2"] });
      const facts = await sessions.resume(other, ["-alpn", "h2,imap", "-servername", "a.test"]) as TlsFacts;
      assert.equal(facts.clientSubject, "O=Test, CN=alice");
      assert.equal(facts.alpn, "imap");
      const none = await sessions.resume(await sessions.server({ alpn: ["pg"] }), [
        "-alpn",
        "h2",
        "-servername",
        "a.test",
      ]);
      assert.ok(none instanceof ProxyError);
      assert.equal(none.code, "tls_handshake_failed");
      // The session does not resume for another name, and this client has no certificate.
      assertRefused(
        await sessions.resume(other, ["-alpn", "h2", "-servername", "b.test"]),
        /^The client sent no /,
      );
    },
  );
}

interopTest("a session of TLS 1.2 does not resume where 1.3 is the minimum", OPENSSL, async (stack) => {
  const sessions = await Sessions.create(stack, "-tls1_2");
  await sessions.login(await sessions.server());
  const outcome = await sessions.resume(await sessions.server({ minVersion: "1.3" }));
  assert.ok(outcome instanceof ProxyError);
  assert.equal(outcome.message, "The client has no TLS version in common with us");
});

interopTest("a session resumes only in its own thread", OPENSSL, async (stack) => {
  const tls = (authority: CertificateAuthority) => [`client_ca: "${authority.cert}"`];
  const { authority, sluice } = await terminating(stack, { tls, start: { workers: 2 } });
  const alice = await authority.issue({ name: "alice", usage: "clientAuth" });
  const file = `${authority.directory}/session`;
  const login = ["-servername", NAME, "-cert", alice.cert, "-key", alice.key, "-sess_out", file];
  assert.equal((await openssl(sluice.port(), login, "hello")).received, "hello");
  const seen = new Set<string>();
  for (let count = 0; seen.size < 2 && count < 100; count++) {
    seen.add((await openssl(sluice.port(), ["-servername", NAME, "-sess_in", file], "hello")).received);
  }
  assert.deepEqual([...seen].sort(), ["", "hello"]);
  const closed = await sluice.loggedEvents("connection_closed", 2);
  assert.deepEqual(
    new Set(closed.map(({ client_subject }) => client_subject)),
    new Set(["O=Test, CN=alice"]),
  );
  const [refused] = await sluice.loggedEvents("connection_refused", 1);
  assert.equal(refused!.detail, "The client sent no certificate");
});

for (const version of VERSIONS) {
  interopTest(
    `the program refuses sessions that its service would refuse (${version})`,
    OPENSSL,
    async (stack) => {
      const one = stack.use(await CertificateAuthority.create("One"));
      const tls = () => [`client_ca: "${one.cert}"`];
      // A session resumes only in its own thread.
      const { authority, sluice } = await terminating(stack, { tls, start: { workers: 1 } });
      const alice = await one.issue({ name: "alice", usage: "clientAuth" });
      const file = `${one.directory}/session`;
      const options = [version, "-servername", NAME];
      const login = [...options, "-cert", alice.cert, "-key", alice.key, "-sess_out", file];
      assert.equal((await openssl(sluice.port(), login, "hello")).received, "hello");
      const resume = async () =>
        (await openssl(sluice.port(), [...options, "-sess_in", file], "hello")).received;
      assert.equal(await resume(), "hello");
      // sluice watches the file with the authority of clients; this replaces it.
      await Deno.copyFile(authority.cert, one.cert);
      await eventually("the new authority", resume, (received) => received === "");
      const [refused] = await sluice.loggedEvents("connection_refused", 1);
      assert.equal(refused!.code, "tls_certificate_rejected");
      assert.match(String(refused!.detail), UNTRUSTED);
    },
  );
}
