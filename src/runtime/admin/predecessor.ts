/**
 * The sluice that a new one takes the addresses over from (`--take-over`), asked through its admin interface. Both
 * listen on the same addresses for a moment, so it is asked over connections from before the new one listens.
 */

import type { ServiceView } from "../../admin/views.ts";
import type { AdminConfig, Config } from "../../config/config.ts";
import { systemMessage } from "../../files/file_fault.ts";
import { formatAddress, includes, type ListenAddress, parseServiceAddress } from "../../net/address.ts";
import { LARGEST_BODY } from "../../net/http_client.ts";
import { type Conn, writeAll } from "../../net/socket/conn.ts";
import { dial } from "../../net/socket/dial.ts";
import { canShare } from "../../net/socket/reserve.ts";
import type { Log } from "../../observe/log/log.ts";
import { acmeSections } from "../acme/sections.ts";
import { TakeOverError } from "./take_over_error.ts";

/** Milliseconds to connect, and to answer. */
const PATIENCE = 10_000;

/** An address on which it accepts clients. */
export interface EarlierListener {
  readonly service: string;
  readonly address: ListenAddress;
}

export class Predecessor {
  readonly #admin: Pick<AdminConfig, "listen" | "token">;
  /** Where it may listen. */
  readonly addresses: readonly ListenAddress[];
  /** Milliseconds to connect, and to answer. */
  readonly #patience: number;
  /** Its process id, once it has answered. */
  #pid: number | undefined;

  private constructor(
    admin: Pick<AdminConfig, "listen" | "token">,
    addresses: readonly ListenAddress[],
    patience: number,
  ) {
    this.#admin = admin;
    this.addresses = addresses;
    this.#patience = patience;
  }

  /** That of a configuration. @throws {TakeOverError} when there can be none. */
  static of({ admin, services }: Pick<Config, "admin" | "services">, patience = PATIENCE): Predecessor {
    if (admin === undefined) {
      throw new TakeOverError(
        "Cannot take over without admin.listen, where the running sluice is asked to drain",
      );
    }
    if (!canShare()) {
      throw new TakeOverError(
        "Cannot take over: two programs can listen on one address only on Linux, and if Deno was started with --unstable-net",
      );
    }
    const ofServices = services.flatMap(({ listen }) => listen);
    const ofAcme = acmeSections({ services }).map(({ acme }) => acme.http);
    const others = [...ofAcme, admin.listen, admin.toxiproxy].filter((address) => address !== undefined);
    return new Predecessor(admin, [...ofServices, ...others], patience);
  }

  /** Checks that a sluice answers, and takes the token. Returns its process id. @throws {TakeOverError} */
  async find(): Promise<number> {
    using conn = await this.connect();
    const answer = await this.#ask(conn, "GET", "/api/v1/status", 200);
    const pid = /\{.*"pid": *(\d+)[,}]/s.exec(answer)?.[1];
    if (pid === undefined) throw this.#isAnother("GET /api/v1/status");
    return this.#pid = Number(pid);
  }

  /** Where it accepts clients now. @throws {TakeOverError} */
  async listeners(): Promise<EarlierListener[]> {
    const path = "/api/v1/services";
    using conn = await this.connect();
    const answer = await this.#ask(conn, "GET", path, 200);
    try {
      const services: ServiceView[] = JSON.parse(answer.slice(answer.indexOf("\r\n\r\n")));
      return services.filter(({ state }) => state === "listening").flatMap(({ name, listen }) =>
        listen.map((text) => ({ service: name, address: parseServiceAddress(text) }))
      );
    } catch (cause) {
      throw this.#isAnother(`GET ${path}`, cause);
    }
  }

  /** @throws {TakeOverError} when no program listens there. */
  async connect(): Promise<Conn> {
    const signal = AbortSignal.timeout(this.#patience);
    try {
      return await dial(this.#admin.listen, { adapter: "deno", signal });
    } catch (cause) {
      if (signal.aborted) throw this.#hangs("accept a connection", cause);
      throw this.#failure(
        `${systemMessage(cause)} (without a running sluice, leave --take-over out)`,
        cause,
      );
    }
  }

  /** Asks it, over a connection of {@linkcode connect}, to accept no more and to drain. @throws {TakeOverError} */
  async handOver(conn: Conn): Promise<void> {
    // A program that hangs and goes on later must not drain: no other one has its addresses then. The answer has the
    // other half of the time.
    const order = { handed_over: true, not_after: Date.now() + this.#patience / 2 };
    await this.#ask(conn, "POST", "/api/v1/drain", 202, JSON.stringify(order));
  }

  async #ask(conn: Conn, method: string, path: string, expected: number, body = ""): Promise<string> {
    const { token } = this.#admin;
    const lines = [
      `${method} ${path} HTTP/1.1`,
      "Host: localhost",
      "Connection: close",
      ...token === undefined ? [] : [`Authorization: Bearer ${token}`],
      ...body === "" ? [] : ["Content-Type: application/json", `Content-Length: ${body.length}`],
    ];
    let isLate = false;
    const late = setTimeout(() => {
      isLate = true;
      conn.close();
    }, this.#patience);
    try {
      await writeAll(conn, new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n${body}`));
      const answer = await readAll(conn);
      const status = /^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1];
      if (status === String(expected)) return answer;
      const token = status === "401" ? " (its admin.token is another one)" : "";
      throw this.#failure(
        `${method} ${path} was answered with ${status ?? "something else than HTTP"}${token}`,
      );
    } catch (cause) {
      if (cause instanceof TakeOverError) throw cause;
      if (isLate) throw this.#hangs(`answer ${method} ${path}`, cause);
      throw this.#failure((cause as Error).message, cause);
    } finally {
      clearTimeout(late);
    }
  }

  /** @param what It did not do that in time. */
  #hangs(what: string, cause: unknown): TakeOverError {
    const other = this.#pid === undefined ? "it" : `its process ${this.#pid}`;
    const remedy = "if it hangs, end it and start without --take-over";
    return this.#failure(`${other} did not ${what} within ${this.#patience / 1000} s (${remedy})`, cause);
  }

  #isAnother(request: string, cause?: unknown): TakeOverError {
    return this.#failure(`${request} was answered by another program than sluice`, cause);
  }

  #failure(detail: string, cause?: unknown): TakeOverError {
    const where = formatAddress(this.#admin.listen);
    return new TakeOverError(
      `Cannot take over from the sluice whose admin interface is ${where}: ${detail}`,
      { cause },
    );
  }
}

/**
 * Logs a take-over, and the addresses where only the sluice before listened.
 *
 * @param services Those of the new one.
 */
export function logTakeOver(
  pid: number,
  before: readonly EarlierListener[],
  services: readonly { readonly addresses: readonly ListenAddress[] }[],
  log: Pick<Log, "info" | "warn">,
): void {
  const own = services.flatMap(({ addresses }) => addresses);
  log.info(`Took over from process ${pid}`, { event: "taken_over", pid });
  for (const { service, address } of before) {
    if (own.some((each) => includes(each, address))) continue;
    const listen = formatAddress(address);
    log.warn(
      `Process ${pid} listened on ${listen} for ${service}, and nothing does now: clients there are refused. ` +
        "To serve them, add the address to listen, and reload",
      { event: "address_given_up", service, listen, pid },
    );
  }
}

async function readAll(conn: Conn): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(16 * 1024);
  let text = "";
  while (text.length < LARGEST_BODY) {
    const count = await conn.read(buffer);
    if (count === null) break;
    text += decoder.decode(buffer.subarray(0, count), { stream: true });
  }
  return text;
}
