/** The servers behind sluice: they follow the order in each line, go down for a while, and break open connections. */

import { createServer, type Server, type Socket } from "node:net";
import { decodeOrder, Intake, type Order, RIGHT, sendPattern, WRONG, WrongBytesError } from "../load/talk.ts";
import { SocketWire, type Wire } from "../load/wire.ts";

/** The signature of a PROXY header v2, and the first byte of v1. */
const V2_SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
const V1_FIRST = 0x50;

/** What an upstream received of a visit: everything, wrong bytes, or not everything. */
export type Report = "right" | "wrong" | "lost";

/** Reports of upstreams to the client side of a visit, which bypass the proxy. */
export class Reports {
  readonly #waiting = new Map<number, (report: Report) => void>();

  /** Resolves with the report about the next bytes of a visit. */
  of(visit: number): Promise<Report> {
    return new Promise((resolve) => this.#waiting.set(visit, resolve));
  }

  forget(visit: number): void {
    this.#waiting.delete(visit);
  }

  deliver(visit: number, report: Report): void {
    this.#waiting.get(visit)?.(report);
    this.#waiting.delete(visit);
  }
}

export interface UpstreamOptions {
  readonly name: string;
  /** An address of this machine from which no client connects, so that no socket gets the port while it is down. */
  readonly host: string;
  /** Whether connections begin with a PROXY header. */
  readonly takesHeader?: boolean;
  readonly reports: Reports;
  /** Bytes arrived that were never sent. */
  readonly onWrong: (what: string) => void;
}

export class Upstream {
  readonly name: string;
  readonly #options: UpstreamOptions;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;
  /** Bytes received, including PROXY headers. */
  received = 0;

  constructor(options: UpstreamOptions) {
    this.name = options.name;
    this.#options = options;
  }

  get address(): string {
    return `${this.#options.host}:${this.#port}`;
  }

  get open(): number {
    return this.#sockets.size;
  }

  /** Listens again at its old address; resolves when it does. */
  async listen(): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#take(socket));
    const listening = Promise.withResolvers<void>();
    server.on("error", listening.reject);
    server.listen(this.#port, this.#options.host, () => listening.resolve());
    await listening.promise;
    this.#server = server;
    this.#port = (server.address() as { port: number }).port;
  }

  /** Refuses connections; open ones continue. */
  stopListening(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  /** Resets all open connections. */
  strike(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Ends for good. */
  stop(): void {
    this.stopListening();
    for (const socket of this.#sockets) socket.destroy();
  }

  #take(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    const wire = new SocketWire(socket);
    const intake = new Intake(wire);
    this.#serve(wire, intake).catch((error) => {
      // The visit knows which side breaks a connection, and why.
      if (error instanceof WrongBytesError) this.#options.onWrong(`${this.name} upstream: ${error.message}`);
      wire.close();
    }).finally(() => this.received += intake.received);
  }

  async #serve(wire: Wire, intake: Intake): Promise<void> {
    if (this.#options.takesHeader && !await receiveHeader(intake)) return wire.close();
    for (;;) {
      const line = await intake.line();
      if (line === null) break;
      if (await this.#obey(decodeOrder(line), wire, intake)) return;
    }
    await wire.end();
  }

  /** Follows one order; true if it was the last one. */
  async #obey({ visit, verb, seed, size }: Order, wire: Wire, intake: Intake): Promise<boolean> {
    switch (verb) {
      case "ASK":
        await sendPattern(wire, seed, size);
        return false;
      case "LATE":
        await intake.end();
        await sendPattern(wire, seed, size);
        await wire.end();
        return true;
      case "TAKE":
        await wire.write(
          new Uint8Array([await this.#isRight(visit, intake.pattern(seed, size)) ? RIGHT : WRONG]),
        );
        return false;
      case "FIRST": {
        await wire.end();
        const all = intake.pattern(seed, size).then(() => intake.end());
        const report = await this.#isRight(visit, all).then(
          (isRight) => isRight ? "right" : "wrong",
          () => "lost" as const,
        );
        this.#options.reports.deliver(visit, report);
        return true;
      }
      case "BREAK":
        await sendPattern(wire, seed, Math.floor(size / 2));
        wire.reset();
        return true;
    }
  }

  async #isRight(visit: number, received: Promise<void>): Promise<boolean> {
    try {
      await received;
      return true;
    } catch (error) {
      if (!(error instanceof WrongBytesError)) throw error;
      this.#options.onWrong(`${this.name} upstream, visit ${visit}: ${error.message}`);
      return false;
    }
  }
}

/** Reads a PROXY header; false when no byte came. @throws {WrongBytesError} when it is malformed. */
async function receiveHeader(intake: Intake): Promise<boolean> {
  let first: number;
  try {
    [first] = await intake.bytes(1) as unknown as [number];
  } catch {
    return false;
  }
  if (first === V1_FIRST) {
    const line = await intake.line();
    if (!/^ROXY TCP4 127\.0\.0\.\d+ 127\.0\.0\.\d+ \d+ \d+\r$/.test(line ?? "")) {
      throw new WrongBytesError(`Not a PROXY header: ${JSON.stringify(line)}`);
    }
    return true;
  }
  const header = [first, ...await intake.bytes(15)];
  const [version, family, high, low] = header.slice(12);
  if (V2_SIGNATURE.some((byte, at) => header[at] !== byte) || version !== 0x21 || family !== 0x11) {
    throw new WrongBytesError(`Not a PROXY header: ${header}`);
  }
  await intake.bytes(high! * 256 + low!);
  return true;
}
