/** A running sluice whose services read bytes themselves, before or instead of relaying them. */

import { join } from "node:path";
import { Admin, type Answer } from "../../support/program/admin.ts";
import { bytesOf } from "../../support/bytes/proxy_headers.ts";
import { HEADER_V1 } from "../../support/bytes/proxy_header_cases.ts";
import { clientHello } from "../../support/bytes/client_hellos.ts";
import { echo, freePorts, readAll, type Upstream, upstream, writeAll } from "../../support/peers/sockets.ts";
import { WatchedProgram } from "../../support/program/watched_program.ts";
import type { Premises } from "../fixture.ts";
import { BEFORE_TLS, NAMED_RECORDS, PROXY_HEADERS, RECORDS } from "./samples.ts";

/** No socket gets a port of this address by chance: a listener that a mistake has moved must get its port back. */
const HOST = "127.0.0.4";
/** The timeout of headers and handshakes, in milliseconds. */
export const TIMEOUT = 1000;
export const TOKEN = "fuzz-fuzz-fuzz";

/** A service: samples of the bytes that it reads, and the way in which a valid client begins. */
export interface Reader {
  readonly name: string;
  readonly samples: readonly Uint8Array[];
  /** The bytes that a client sends before TLS, or before the relay. */
  readonly begin: Uint8Array;
  readonly isTls: boolean;
}

const NOTHING = new Uint8Array(0);
const HEADER = bytesOf(HEADER_V1);

export const READERS: readonly Reader[] = [
  { name: "header", samples: PROXY_HEADERS, begin: HEADER, isTls: false },
  { name: "hello", samples: RECORDS, begin: clientHello({ sni: "fuzz.test" }), isTls: false },
  { name: "named", samples: NAMED_RECORDS, begin: clientHello({ sni: "localhost" }), isTls: false },
  { name: "tls", samples: RECORDS, begin: NOTHING, isTls: true },
  { name: "native", samples: RECORDS, begin: NOTHING, isTls: true },
  { name: "both", samples: [...RECORDS, ...PROXY_HEADERS], begin: HEADER, isTls: true },
  // A valid client begins with TLS at once, as those of PostgreSQL may.
  { name: "postgres", samples: [...BEFORE_TLS, ...RECORDS], begin: NOTHING, isTls: true },
];

/** Services that only peek at the first bytes, and relay them. */
const PEEKING: readonly string[] = ["hello", "named"];

export class WireFixture implements AsyncDisposable {
  readonly #premises: Premises;
  readonly #upstream: Upstream;
  readonly #directory: string;
  #program!: WatchedProgram;
  readonly #ports = freePorts(READERS.length);
  #isOver = false;
  admin!: Admin;
  readonly alarms: string[] = [];

  private constructor(premises: Premises) {
    this.#premises = premises;
    this.#directory = join(premises.directory, "wire");
    this.#upstream = upstream(echo);
  }

  static async start(premises: Premises): Promise<WireFixture> {
    const fixture = new WireFixture(premises);
    try {
      await Deno.mkdir(fixture.#directory);
      await fixture.#start();
      return fixture;
    } catch (error) {
      await fixture[Symbol.asyncDispose]();
      throw error;
    }
  }

  get directory(): string {
    return this.#directory;
  }

  get pid(): number {
    return this.#program.pid;
  }

  /** The address of the admin interface. */
  get adminPort(): number {
    return Number(this.#program.ready.admin!.split(":")[1]);
  }

  connect(name: string): Promise<Deno.TcpConn> {
    return Deno.connect({
      hostname: HOST,
      port: this.#ports[READERS.findIndex((each) => each.name === name)]!,
    });
  }

  /** The part of the configuration that may be wrong; the part before it has the paths of logs. */
  get services(): string {
    const { certificate: { cert, key } } = this.#premises;
    const timeout = `${TIMEOUT}ms`;
    const tls = `cert: "${cert}", key: "${key}", handshake_timeout: ${timeout}`;
    const two =
      `certificates: [{ cert: "${cert}", key: "${key}" }, { cert: "${cert}", key: "${key}" }], handshake_timeout: ${timeout}`;
    const keys = [
      `accept_proxy_protocol: { from: 127.0.0.0/8, timeout: ${timeout} }`,
      `peek: { timeout: ${timeout} }, routes: [{ sni: fuzz.test, upstream: "${this.#upstream.address}" }]`,
      `peek: { timeout: ${timeout} }, allow_names: localhost, allow_private: "127.0.0.0/8"`,
      `tls: { ${two} }`,
      `tls: { ${tls}, engine: deno }`,
      `accept_proxy_protocol: { from: 127.0.0.0/8, timeout: ${timeout} }, tls: { ${tls}, alpn: [h2, http/1.1] }`,
      `tls: { ${tls}, starttls: postgres }`,
    ];
    const entries = READERS.map(({ name }, index) => {
      const { address, port } = this.#upstream;
      const where = `listen: "${HOST}:${this.#ports[index]}", upstream: "${
        name === "named" ? `{sni}:${port}` : address
      }"`;
      return `  - { name: ${name}, ${where}, ${keys[index]} }\n`;
    });
    return `services:\n${entries.join("")}`;
  }

  /** Reloads these services. */
  async reload(services: string | Uint8Array): Promise<Answer> {
    await this.#write(typeof services === "string" ? new TextEncoder().encode(services) : services);
    return await this.admin.ask("POST", "/api/v1/reload");
  }

  /** Checks that sluice serves a valid client. @throws when it does not. */
  async serveGoodClient({ name, begin, isTls }: Reader): Promise<void> {
    const raw = await this.connect(name);
    let conn: Deno.Conn = raw;
    try {
      await writeAll(raw, begin);
      if (isTls) {
        const options = { hostname: "fuzz.test", caCerts: [this.#premises.authorityText] };
        conn = await Deno.startTls(raw, options);
      }
      const sent = new TextEncoder().encode("as it was");
      await writeAll(conn, sent);
      await conn.closeWrite();
      const expected = PEEKING.includes(name) ? begin.byteLength + sent.byteLength : sent.byteLength;
      const received = await readAll(conn);
      if (received.byteLength !== expected) {
        throw new Error(`${received.byteLength} of ${expected} bytes came back`);
      }
    } finally {
      try {
        conn.close();
      } catch {
        // The connection broke.
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    this.#program?.kill("SIGKILL");
    await this.#program?.ended;
    await this.#upstream[Symbol.asyncDispose]();
    await Deno.remove(this.#directory, { recursive: true });
  }

  async #start(): Promise<void> {
    await this.#write(new TextEncoder().encode(this.services));
    const alarm = (what: string) => void (this.#isOver || this.alarms.push(what));
    this.#program = await WatchedProgram.start(this.#configPath, (line) => alarm(`it has logged: ${line}`));
    void this.#program.ended.then(({ code, signal }) =>
      alarm(`it has ended with ${signal ?? code}:\n${this.#program.lastLines.join("\n")}`)
    );
    this.admin = new Admin(this.#program, { authorization: `Bearer ${TOKEN}` });
  }

  get #configPath(): string {
    return join(this.#directory, "sluice.yaml");
  }

  async #write(services: Uint8Array): Promise<void> {
    const head = `log: { level: info, format: json }
admin: { listen: "127.0.0.1:0", token: ${TOKEN} }
shutdown: { drain: 0 }
`;
    const bytes = new Uint8Array([...new TextEncoder().encode(head), ...services]);
    await Deno.writeFile(`${this.#configPath}.new`, bytes);
    await Deno.rename(`${this.#configPath}.new`, this.#configPath);
  }
}
