/** Runs a sequence against a service, and says what was wrong first. */

import { setTimeout as pause } from "node:timers/promises";
import type { ConnectionPage } from "../../../src/admin/views.ts";
import type { ConnectionLine } from "../access_log.ts";
import { type Counts, since } from "../figures.ts";
import { abort } from "../peers/abort.ts";
import type { Arrival } from "../peers/arrivals.ts";
import { connectClient, dialService } from "../peers/clients.ts";
import { End } from "../peers/end.ts";
import type { Target } from "../stage.ts";
import type { Command, Side } from "./commands.ts";
import { Link, otherOf } from "./link.ts";
import { lineFault } from "./verdict.ts";

/** What should not have happened. */
export class Fault extends Error {}

/** How often what cannot be waited for is looked at, in milliseconds. */
const LOOK = 10;

/** Numbers connections over all sequences of this process: patterns, and addresses in PROXY headers. */
let connections = 0;

export class SequenceRun {
  readonly #target: Target;
  readonly #patience: number;
  readonly #links: Link[] = [];
  #before!: Counts;
  /** Clients that were not to be relayed. */
  #strays = 0;
  #down: { readonly endpoint: number; readonly how: string } | undefined;
  /** Somebody has broken upstream connections, so that failures of endpoints may be counted. */
  #mayFail = false;

  /** @param patience How long anything may take, in milliseconds. */
  constructor(target: Target, patience: number) {
    this.#target = target;
    this.#patience = patience;
  }

  /** Resolves with what was wrong first, or with nothing. */
  async run(commands: readonly Command[]): Promise<string | undefined> {
    const { stage, name } = this.#target;
    try {
      await this.#eventually("the service to be at rest", async () => {
        this.#before = (await stage.figures()).of(name);
        stage.access.take(name);
        const { active, failed, closed } = this.#before;
        return active === 0 && stage.access.taken(name) === failed + closed;
      });
      for (const command of commands) await this.#obey(command);
      await this.#end();
      return this.#targetFault();
    } catch (error) {
      return error instanceof Fault ? error.message : this.#targetFault() ?? String((error as Error).stack);
    } finally {
      for (const { client, upstream } of this.#links) {
        client.close();
        // With `reuse`, it may serve another client by now.
        if (this.#target.row.pool !== "reuse") upstream?.close();
      }
      await this.#up().catch(() => {});
    }
  }

  /** Resolves when the service has nothing to do, and false when that is not to be. */
  async comesToRest(): Promise<boolean> {
    const { stage, name } = this.#target;
    try {
      await this.#eventually("rest", async () => (await stage.figures()).of(name).active === 0);
      return true;
    } catch {
      return false;
    }
  }

  async #obey(command: Command): Promise<void> {
    switch (command.op) {
      case "open":
        return await this.#open(command.link, command.early);
      case "burst":
        return await this.#burst(command.count);
      case "settle":
        return await this.#settle();
      case "reload":
        return await this.#reload(command.change);
      case "down":
        return await this.#takeDown(command.endpoint, command.how);
      case "up":
        return await this.#up();
      case "kill":
        return await this.#kill(command.link);
      case "send": {
        const [link, end] = this.#find(command.link, command.side);
        if (end === undefined || end.hasFinished || end.writeError !== undefined) return;
        link.sending(command.side);
        return end.send(command.size);
      }
      default:
        return await this.#act(command.op, command.link, command.side);
    }
  }

  /** An end that can still do something. */
  #find(number: number, side: Side): [Link, End] | [undefined, undefined] {
    const link = this.#links.find((each) => each.number === number);
    const end = link?.end(side);
    if (link === undefined || end === undefined || end.isGone) return [undefined, undefined];
    // Another client may have it.
    const isOther = this.#target.row.pool === "reuse" &&
      (link.client.isGone || link.client.ending !== undefined);
    return isOther ? [undefined, undefined] : [link, end];
  }

  async #open(number: number, early: "nothing" | "finish" | "send"): Promise<void> {
    const { row, address, arrivals, changes, stage: { authorityText } } = this.#target;
    const id = ++connections;
    const isFramed = row.pool !== "none";
    const { conn, name } = await connectClient({ row, address, authority: authorityText, number: id })
      .catch((error) => {
        throw new Fault(`a client could not connect: ${error}`);
      });
    const client = new End(conn, { changes, id, sends: 2 * id, receives: 2 * id + 1, isFramed });
    const link = new Link(number, client, name);
    const makeUpstream = ({ conn, endpoint }: Arrival) => {
      link.endpoint = endpoint;
      return link.upstream = new End(conn, {
        changes,
        id,
        sends: 2 * id + 1,
        receives: 2 * id,
        isFramed: false,
      });
    };
    if (isFramed) arrivals.expect(id, makeUpstream);
    this.#links.push(link);
    void client.read();
    if (isFramed) client.send(0);
    if (early === "finish") this.#finish(link, "client");
    if (early === "send") client.send(1000);
    await this.#until(
      `connection ${number} to reach its upstream`,
      () => link.upstream !== undefined || arrivals.hasWaiting,
    );
    if (!isFramed) {
      const arrival = arrivals.take()!;
      void makeUpstream(arrival).read();
      if (row.proxyOut !== "none" && arrival.client !== name) {
        throw new Fault(`the PROXY header to the upstream names ${arrival.client}, the client is ${name}`);
      }
    }
    // Later, one of several without an address could not be told from the others.
    if (name === undefined) await this.#identify(link);
  }

  /** The kernel takes them all, so all are counted, whatever becomes of them. */
  async #burst(count: number): Promise<void> {
    const { stage, name, address, arrivals } = this.#target;
    const before = (await stage.figures()).of(name);
    for (let left = count; left > 0; left--) abort(await dialService(address));
    this.#strays += count;
    this.#mayFail = true;
    let now = before;
    await this.#eventually(
      () =>
        `${count} clients that reset at once to be counted; ${now.total - before.total} are, ` +
        `${
          now.refused + now.failed + now.closed - before.refused - before.failed - before.closed
        } have ended`,
      async () => {
        now = (await stage.figures()).of(name);
        return now.total - before.total >= count && now.active <= before.active;
      },
    );
    await arrivals.flush();
  }

  async #act(
    op: "stall" | "resume" | "finish" | "close" | "reset",
    number: number,
    side: Side,
  ): Promise<void> {
    const [link, end] = this.#find(number, side);
    if (link === undefined) return;
    const { pool } = this.#target.row;
    switch (op) {
      case "stall":
        return end.stall();
      case "resume":
        return end.resume();
      case "finish":
        if (!end.hasFinished && end.writeError === undefined) this.#finish(link, side);
        return;
      case "close":
      case "reset": {
        if (side === "upstream") {
          this.#mayFail = true;
          await this.#ensureOpen(link);
          if (end.isGone) return;
        }
        if (pool === "reuse") {
          if (side === "upstream") await this.#answer(link);
          if (op === "close") await this.#settle();
        }
        const other = link.end(otherOf(side))!;
        const isClean = op === "close" && end.sent === end.asked && other.asked === end.received &&
          (this.#target.row[side === "client" ? "tlsIn" : "tlsOut"] === "none");
        link.act(side, op, !isClean);
        if (op === "close") end.close();
        else end.reset();
      }
    }
  }

  #finish(link: Link, side: Side): void {
    link.act(side, "finish", false);
    link.end(side)!.finish();
  }

  /** Before it is relayed, a connection to an upstream that breaks is tried again elsewhere. */
  async #ensureOpen(link: Link): Promise<void> {
    if (link.client.received > 0 || link.upstream!.received > 0) return;
    await this.#identify(link, "open");
  }

  /** A pool tries again where an upstream breaks before it has answered. */
  async #answer(link: Link): Promise<void> {
    const upstream = link.upstream!;
    if (link.client.received > 0 || upstream.hasFinished || upstream.isGone || link.isBroken) return;
    upstream.send(1);
    link.client.resume();
    await this.#until(
      "an answer of one byte",
      () => link.client.received > 0 || link.client.ending !== undefined,
    );
  }

  async #identify(link: Link, state?: string): Promise<number | undefined> {
    const { stage, name } = this.#target;
    let found: number | undefined;
    await this.#eventually(`connection ${link.number} in the list of the admin interface`, async () => {
      // It may be over, and then it is in no list.
      if (link.client.ending !== undefined || link.client.isGone || link.mayBeOver) return true;
      const { connections } = await stage.admin.view<ConnectionPage>("connections?limit=1000");
      const known = this.#links.map(({ id }) => id);
      const own = connections.filter((each) => each.service === name);
      const it = own.find(({ client, id }) =>
        link.id === id ||
        (link.name === undefined ? link.id === undefined && !known.includes(id) : client === link.name)
      );
      found = it?.id;
      return it !== undefined && (state === undefined || it.state === state);
    });
    return link.id ??= found;
  }

  async #kill(number: number): Promise<void> {
    const link = this.#links.find((each) => each.number === number);
    if (link === undefined || link.client.isGone || link.upstream?.isGone) return;
    const id = await this.#identify(link, "open");
    if (id === undefined) return;
    link.actOfProxy("killed");
    this.#mayFail = true;
    const { status, text } = await this.#target.stage.admin.kill(id);
    if (status !== 200 && status !== 404) throw new Fault(`DELETE of connection ${id}: ${status} ${text}`);
  }

  async #reload(change: string): Promise<void> {
    await this.#target.stage.reload(
      this.#target.name,
      (service) => ({
        version: service.version + (change === "timeout" ? 1 : 0),
        buffer: change === "buffer" ? service.buffer === undefined ? "32KiB" : undefined : service.buffer,
        weight: change === "weight" ? 3 - service.weight : service.weight,
      }),
      change === "extra",
    );
  }

  async #takeDown(endpoint: number, how: "down" | "drain" | "refuse"): Promise<void> {
    if (this.#down !== undefined) return;
    const { stage, name, arrivals } = this.#target;
    this.#down = { endpoint, how };
    if (how === "refuse") {
      this.#mayFail = true;
      return await arrivals.stopListening(endpoint);
    }
    if (how === "down") {
      this.#mayFail = true;
      for (const link of this.#links) if (link.endpoint === endpoint) link.actOfProxy("endpoint_down");
    }
    await stage.setEndpoint(name, arrivals.addresses[endpoint]!, how);
  }

  async #up(): Promise<void> {
    const { stage, name, arrivals } = this.#target;
    if (this.#down === undefined) return;
    const { endpoint, how } = this.#down;
    this.#down = undefined;
    if (how === "refuse") arrivals.listenAgain(endpoint);
    else await stage.setEndpoint(name, arrivals.addresses[endpoint]!, "up");
  }

  /** Waits until everything has come that nobody's stalling holds up. */
  async #settle(): Promise<void> {
    for (const link of this.#links) {
      for (const from of ["client", "upstream"] as const) await this.#settleFlow(link, from);
    }
  }

  async #settleFlow(link: Link, from: Side): Promise<void> {
    const [sender, receiver] = [link.end(from), link.end(otherOf(from))];
    if (sender === undefined || receiver === undefined || receiver.isGone || receiver.isStalled) return;
    const side = otherOf(from);
    if (link.mayLose(from)) {
      if (this.#mustSeeEnd(link, from)) {
        await this.#until(
          `the ${side} of connection ${link.number} to see its end`,
          () => receiver.ending !== undefined,
        );
      }
      return;
    }
    const hasAll = () =>
      receiver.received === sender.asked && (!this.#seesFinish(link, from) || receiver.ending !== undefined);
    await this.#until(
      () =>
        `the ${side} of connection ${link.number} to receive ${sender.asked} bytes` +
        `${this.#seesFinish(link, from) ? " and the end" : ""}; it has ${receiver.received}, and ` +
        `${receiver.ending ?? "no end"}; ${sender.sent} are sent${
          sender.writeError ? `, then ${sender.writeError}` : ""
        }`,
      () => hasAll() || link.mayLose(from) || receiver.ending !== undefined || receiver.isGone,
    );
    this.#checkEnds();
  }

  #seesFinish(link: Link, from: Side): boolean {
    const ended = link.acts.some(({ by, kind }) => by === from && kind !== "reset");
    return ended && !(this.#target.row.pool === "reuse" && from === "client");
  }

  /** Who is reset while nobody waits for it is noticed at the next read or write. */
  #mustSeeEnd(link: Link, from: Side): boolean {
    if (this.#target.row.pool === "reuse" && from === "client") return false;
    const finished = link.acts.findIndex(({ by, kind }) => by === from && kind === "finish");
    const broke = link.acts.findIndex(({ by, kind }) => by === from && kind !== "finish" || by === "proxy");
    return broke >= 0 && (finished < 0 || link.acts[broke]!.by === "proxy");
  }

  /** What is wrong whenever it is seen. */
  #checkEnds(): void {
    for (const link of this.#links) {
      for (const side of ["client", "upstream"] as const) {
        const fault = endFault(link, side);
        if (fault !== undefined) throw new Fault(fault);
      }
    }
    const { arrivals: { wrong } } = this.#target;
    if (wrong !== undefined) throw new Fault(`an upstream got ${wrong}`);
  }

  /** Everyone reads, everyone finishes, and the books are looked at. */
  async #end(): Promise<void> {
    for (const { client, upstream } of this.#links) for (const end of [client, upstream]) end?.resume();
    await this.#settle();
    if (this.#target.row.pool !== "reuse") {
      for (const link of this.#links) {
        for (const side of ["client", "upstream"] as const) {
          const end = link.end(side);
          if (end !== undefined && !end.isGone && !end.hasFinished && end.writeError === undefined) {
            this.#finish(link, side);
          }
        }
      }
      await this.#settle();
    }
    this.#checkEnds();
    for (const link of this.#links) {
      for (const side of ["client", "upstream"] as const) {
        const end = link.end(side);
        if (end === undefined || end.isGone) continue;
        if (end.ending === undefined || this.#target.row.pool === "reuse") {
          if (this.#target.row.pool === "reuse" && side === "upstream") continue;
          if (side === "upstream") this.#mayFail = true;
          link.act(side, "close", true);
          end.close();
        }
      }
    }
    await this.#audit();
  }

  async #audit(): Promise<void> {
    const { stage, name } = this.#target;
    const opened = this.#links.length + this.#strays;
    const lines: ConnectionLine[] = [];
    let counts = this.#before;
    await this.#eventually(
      () =>
        `${opened} connections to be over and logged; counted: ${
          JSON.stringify(counts)
        }, lines: ${lines.length}`,
      async () => {
        counts = since(this.#before, (await stage.figures()).of(name));
        // Of clients that are not let in, only some have a line, and that may be late.
        lines.push(...stage.access.take(name).filter(({ event }) => event !== "connection_refused"));
        this.#endServing();
        return counts.active === 0 && counts.atEndpoints === 0 &&
          counts.refused + counts.failed + counts.closed >= opened &&
          lines.length >= counts.failed + counts.closed;
      },
    );
    const ended = counts.refused + counts.failed + counts.closed;
    if (counts.total !== opened || ended !== opened) {
      throw new Fault(`${opened} clients came, ${counts.total} are counted, and ${ended} ends`);
    }
    this.#checkLines(lines, counts);
    if (counts.endpointFailures > 0 && !this.#mayFail) {
      throw new Fault(
        `${counts.endpointFailures} failures of endpoints are counted, which have done nothing`,
      );
    }
  }

  /** With `reuse`, an upstream that is told of the end by its client's FIN ends too. */
  #endServing(): void {
    if (this.#target.row.pool !== "reuse") return;
    for (const link of this.#links) {
      const { upstream } = link;
      if (upstream === undefined || upstream.isGone || upstream.ending === undefined) continue;
      link.act("upstream", "close", true);
      upstream.close();
    }
  }

  #checkLines(lines: ConnectionLine[], counts: Counts): void {
    const sum = (field: "bytes_from_client" | "bytes_from_upstream") =>
      lines.reduce((total, line) => total + (line[field] ?? 0), 0);
    const [upload, download] = [sum("bytes_from_client"), sum("bytes_from_upstream")];
    if (upload !== counts.upload || download !== counts.download) {
      throw new Fault(
        `the log has ${upload} bytes up and ${download} down, the counters ${counts.upload} and ${counts.download}: ` +
          JSON.stringify(lines),
      );
    }
    const left = [...lines];
    for (const link of this.#links) {
      const isIts = ({ client, id }: ConnectionLine) =>
        link.name === undefined ? id === link.id : client === link.name;
      const at = left.findIndex(isIts);
      if (at < 0 && link.name === undefined) continue;
      const line = left.splice(at, at < 0 ? 0 : 1)[0];
      const fault = line === undefined
        ? `connection ${link.number} has no line in the log`
        : lineFault(link, line);
      if (fault !== undefined) throw new Fault(fault);
    }
    // Clients on unix sockets without a number: of one alone it is known which line is its.
    const unknown = this.#links.filter(({ name, id }) => name === undefined && id === undefined);
    if (unknown.length === 1 && left.length === 1) {
      const fault = lineFault(unknown[0]!, left[0]!);
      if (fault !== undefined) throw new Fault(fault);
    }
  }

  #targetFault(): string | undefined {
    return this.#target.stage.alarms[0];
  }

  async #until(what: string | (() => string), isSo: () => boolean): Promise<void> {
    const { changes } = this.#target;
    const isDone = () => isSo() || this.#targetFault() !== undefined;
    if (await changes.until(isDone, this.#patience) && this.#targetFault() === undefined) return;
    this.#checkEnds();
    throw new Fault(this.#targetFault() ?? this.#waited(what));
  }

  async #eventually(what: string | (() => string), isSo: () => Promise<boolean>): Promise<void> {
    for (const deadline = performance.now() + this.#patience;;) {
      if (await isSo()) return;
      if (this.#targetFault() !== undefined) throw new Fault(this.#targetFault());
      if (performance.now() > deadline) throw new Fault(this.#waited(what));
      await pause(LOOK);
    }
  }

  #waited(what: string | (() => string)): string {
    return `waited ${this.#patience / 1000} s for ${typeof what === "string" ? what : what()}`;
  }
}

/** What an end has seen and should not have; undefined when there is nothing. */
function endFault(link: Link, side: Side): string | undefined {
  const end = link.end(side);
  if (end === undefined) return undefined;
  const from = otherOf(side);
  const sender = link.end(from);
  const of = `the ${side} of connection ${link.number}`;
  if (end.wrong !== undefined) return `${of} received something else: ${end.wrong}`;
  if (sender !== undefined && end.received > sender.asked) {
    return `${of} received ${end.received} bytes, ${sender.asked} were sent`;
  }
  if (end.isGone) return undefined;
  if (end.ending !== undefined && !link.hasEnded(from)) {
    return `${of} saw ${end.ending}, but nobody has ended it`;
  }
  if (!link.isBroken) {
    if (end.ending !== undefined && end.ending !== "eof") {
      return `${of} saw ${end.ending}, but nobody has broken it`;
    }
    if (end.writeError !== undefined) return `${of} could not write: ${end.writeError}`;
  }
  if (
    !link.mayLose(from) && end.ending !== undefined && sender !== undefined && end.received < sender.asked
  ) {
    return `${of} saw ${end.ending} after ${end.received} of ${sender.asked} bytes`;
  }
  return undefined;
}
