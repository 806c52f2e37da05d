/** Runs a sequence against a service, and says what was wrong first. */

import type { Counts } from "../figures.ts";
import type { End } from "../peers/end.ts";
import type { Target } from "../fixture.ts";
import { audit } from "./audit.ts";
import type { Command, Side } from "./commands.ts";
import { type Link, otherOf } from "./link.ts";
import { burst, identify, open } from "./opening.ts";
import { Scene } from "./scene.ts";
import { settle } from "./settling.ts";
import { Fault } from "./waiting.ts";

export class SequenceRun {
  readonly #scene: Scene;
  /** What was counted at the beginning. */
  #before!: Counts;
  #down: { readonly endpoint: number; readonly how: string } | undefined;

  /** @param patience How long anything may take, in milliseconds. */
  constructor(target: Target, patience: number) {
    this.#scene = new Scene(target, patience);
  }

  /** Resolves with what was wrong first, or with nothing. */
  async run(commands: readonly Command[]): Promise<string | undefined> {
    const { fixture, name } = this.#scene.target;
    try {
      await this.#scene.waiting.eventually("the service to be at rest", async () => {
        this.#before = (await fixture.figures()).of(name);
        fixture.access.take(name);
        const { active, failed, closed } = this.#before;
        return active === 0 && fixture.access.taken(name) === failed + closed;
      });
      for (const command of commands) await this.#obey(command);
      await this.#end();
      return fixture.alarms[0];
    } catch (error) {
      return error instanceof Fault ? error.message : fixture.alarms[0] ?? String((error as Error).stack);
    } finally {
      for (const { client, upstream } of this.#scene.links) {
        client.close();
        // With `reuse`, it may serve another client by now.
        if (this.#scene.target.row.pool !== "reuse") upstream?.close();
      }
      await this.#up().catch(() => {});
    }
  }

  /** True once the service can be used again with nothing left over; false when that is not to be. */
  async comesToRest(): Promise<boolean> {
    const { fixture, name, arrivals } = this.#scene.target;
    if (arrivals.wrong !== undefined) return false;
    try {
      await this.#scene.waiting.eventually(
        "rest",
        async () => (await fixture.figures()).of(name).active === 0,
      );
      return true;
    } catch {
      return false;
    }
  }

  async #obey(command: Command): Promise<void> {
    switch (command.op) {
      case "open":
        return await open(this.#scene, command.link, command.early);
      case "burst":
        return await burst(this.#scene, command.count);
      case "settle":
        return await settle(this.#scene);
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
    const link = this.#scene.links.find((each) => each.number === number);
    const end = link?.end(side);
    if (link === undefined || end === undefined || end.isGone) return [undefined, undefined];
    // Another client may have it.
    const isOther = this.#scene.target.row.pool === "reuse" &&
      (link.client.isGone || link.client.ending !== undefined);
    return isOther ? [undefined, undefined] : [link, end];
  }

  async #act(
    op: "stall" | "resume" | "finish" | "close" | "reset",
    number: number,
    side: Side,
  ): Promise<void> {
    const [link, end] = this.#find(number, side);
    if (link === undefined) return;
    const { pool } = this.#scene.target.row;
    switch (op) {
      case "stall":
        return end.stall();
      case "resume":
        return end.resume();
      case "finish":
        if (!end.hasFinished && end.writeError === undefined) link.finish(side);
        return;
      case "close":
      case "reset": {
        if (side === "upstream") {
          this.#scene.mayFail = true;
          await this.#ensureOpen(link);
          if (end.isGone) return;
        }
        if (pool === "reuse") {
          if (side === "upstream") await this.#answer(link);
          // The next client may get the connection, and must not find it stalled.
          for (const each of [link.client, link.upstream]) each?.resume();
          if (op === "close") await settle(this.#scene);
        }
        const other = link.end(otherOf(side))!;
        const isClean = op === "close" && end.sent === end.asked && other.asked === end.received &&
          (this.#scene.target.row[side === "client" ? "tlsIn" : "tlsOut"] === "none");
        link.act(side, op, !isClean);
        if (op === "close") end.close();
        else end.reset();
      }
    }
  }

  /** Before it is relayed, a connection to an upstream that breaks is tried again elsewhere. */
  async #ensureOpen(link: Link): Promise<void> {
    if (link.client.received > 0 || link.upstream!.received > 0) return;
    await identify(this.#scene, link, "open");
  }

  /** A pool tries again where an upstream breaks before it has answered. */
  async #answer(link: Link): Promise<void> {
    const upstream = link.upstream!;
    if (link.client.received > 0 || upstream.hasFinished || upstream.isGone || link.isBroken) return;
    upstream.send(1);
    link.client.resume();
    await this.#scene.waiting.until(
      "an answer of one byte",
      () => link.client.received > 0 || link.client.ending !== undefined,
    );
  }

  async #kill(number: number): Promise<void> {
    const link = this.#scene.links.find((each) => each.number === number);
    if (link === undefined || link.client.isGone || link.upstream?.isGone) return;
    const id = await identify(this.#scene, link, "open");
    if (id === undefined) return;
    link.actOfProxy("killed");
    this.#scene.mayFail = true;
    const { status, text } = await this.#scene.target.fixture.admin.kill(id);
    if (status !== 200 && status !== 404) throw new Fault(`DELETE of connection ${id}: ${status} ${text}`);
  }

  async #reload(change: string): Promise<void> {
    await this.#scene.target.fixture.reload(
      this.#scene.target.name,
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
    const { fixture, name, arrivals } = this.#scene.target;
    this.#down = { endpoint, how };
    if (how === "refuse") {
      this.#scene.mayFail = true;
      return await arrivals.stopListening(endpoint);
    }
    if (how === "down") {
      this.#scene.mayFail = true;
      const own = this.#scene.links.filter((link) => link.endpoint === endpoint);
      for (const link of own) await this.#ensureOpen(link);
      for (const link of own) link.actOfProxy("endpoint_down");
    }
    await fixture.setEndpoint(name, arrivals.addresses[endpoint]!, how);
  }

  async #up(): Promise<void> {
    const { fixture, name, arrivals } = this.#scene.target;
    if (this.#down === undefined) return;
    const { endpoint, how } = this.#down;
    this.#down = undefined;
    if (how === "refuse") arrivals.listenAgain(endpoint);
    else await fixture.setEndpoint(name, arrivals.addresses[endpoint]!, "up");
  }

  /** Everyone reads, everyone finishes, and the books are looked at. */
  async #end(): Promise<void> {
    for (const { client, upstream } of this.#scene.links) for (const end of [client, upstream]) end?.resume();
    await settle(this.#scene);
    if (this.#scene.target.row.pool !== "reuse") {
      for (const link of this.#scene.links) {
        for (const side of ["client", "upstream"] as const) {
          const end = link.end(side);
          if (end !== undefined && !end.isGone && !end.hasFinished && end.writeError === undefined) {
            link.finish(side);
          }
        }
      }
      await settle(this.#scene);
    }
    this.#scene.check();
    for (const link of this.#scene.links) {
      for (const side of ["client", "upstream"] as const) {
        const end = link.end(side);
        if (end === undefined || end.isGone) continue;
        if (end.ending === undefined || this.#scene.target.row.pool === "reuse") {
          if (this.#scene.target.row.pool === "reuse" && side === "upstream") continue;
          if (side === "upstream") this.#scene.mayFail = true;
          link.act(side, "close", true);
          end.close();
        }
      }
    }
    await audit(this.#scene, this.#before);
  }
}
