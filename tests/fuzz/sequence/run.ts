/** Runs a sequence against a service, and reports the first fault. */

import { BREAKING, KEEPING } from "../faults.ts";
import type { Counts } from "../figures.ts";
import type { End } from "../peers/end.ts";
import { dialService } from "../peers/clients.ts";
import type { Target } from "../fixture.ts";
import { audit } from "./audit.ts";
import type { Command, Side } from "./commands.ts";
import { Endpoints, ensureOpen } from "./endpoints.ts";
import { type Link, otherOf } from "./link.ts";
import { burst, identify, open, refuse } from "./opening.ts";
import { Scene } from "./scene.ts";
import { settle } from "./settling.ts";
import { Fault } from "./waiting.ts";

export class SequenceRun {
  readonly #scene: Scene;
  /** The counters at the beginning. */
  #before!: Counts;
  readonly #endpoints: Endpoints;

  /** @param patience The time limit for any step, in milliseconds. */
  constructor(target: Target, patience: number) {
    this.#scene = new Scene(target, patience);
    this.#endpoints = new Endpoints(this.#scene);
  }

  /** Resolves with the first fault, or with undefined. */
  async run(commands: readonly Command[]): Promise<string | undefined> {
    const { fixture, name } = this.#scene.target;
    try {
      await this.#scene.waiting.eventually("the service to be at rest", async () => {
        this.#before = (await fixture.figures()).of(name);
        fixture.access.take(name);
        const { active, failed, closed, skipped } = this.#before;
        return active === 0 && fixture.access.taken(name) === failed + closed - skipped;
      });
      for (const command of commands) await this.#obey(command);
      await this.#end();
      return fixture.alarms[0];
    } catch (error) {
      return error instanceof Fault ? error.message : fixture.alarms[0] ?? String((error as Error).stack);
    } finally {
      for (const { client, upstream } of this.#scene.links) {
        client.close();
        // With `reuse`, it may already serve another client.
        if (this.#scene.target.row.pool !== "reuse") upstream?.close();
      }
      await this.#endpoints.up().catch(() => {});
      await this.#scene.faults.clear().catch(() => {});
    }
  }

  /** Resolves with true when the service can be used again without leftovers, or with false if it never can. */
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
        // It would be refused, or wait.
        if (!this.#endpoints.areReachable) return;
        return await open(
          this.#scene,
          command.link,
          command.early,
          command.doom === undefined ? undefined : BREAKING[command.doom],
        );
      case "burst":
        return await burst(this.#scene, command.count);
      case "fault":
        if (command.does !== "add") return await this.#scene.faults[command.does](command.index);
        await this.#scene.faults.add(KEEPING[command.index]!);
        return;
      case "refuse":
        return await refuse(this.#scene, command.count);
      case "outage":
        return await this.#outage();
      case "settle":
        return await settle(this.#scene);
      case "reload":
        return await this.#reload(command.change);
      case "down":
        return await this.#endpoints.takeDown(command.endpoint, command.how);
      case "sick":
        return await this.#endpoints.sicken();
      case "up":
        return await this.#endpoints.up();
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

  /** Finds an end that can still perform steps. */
  #find(number: number, side: Side): [Link, End] | [undefined, undefined] {
    const link = this.#scene.links.find((each) => each.number === number);
    const end = link?.end(side);
    if (link === undefined || end === undefined || end.isClosed) return [undefined, undefined];
    // Another client may use it.
    const isOther = this.#scene.target.row.pool === "reuse" &&
      (link.client.isClosed || link.client.ending !== undefined);
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
          await ensureOpen(this.#scene, link);
          if (end.isClosed) return;
        }
        if (pool === "reuse") {
          if (side === "upstream") await this.#answer(link);
          // The next client may get the connection, and must not find it stalled.
          for (const each of [link.client, link.upstream]) each?.resume();
          if (op === "close") await settle(this.#scene);
        }
        const other = link.end(otherOf(side))!;
        const isClean = op === "close" && end.sent === end.queued && other.queued === end.received &&
          (this.#scene.target.row[side === "client" ? "tlsIn" : "tlsOut"] === "none");
        link.act(side, op, !isClean);
        if (op === "close") end.close();
        else end.reset();
      }
    }
  }

  /** A pool replaces a connection that breaks before the upstream has answered. */
  async #answer(link: Link): Promise<void> {
    const upstream = link.upstream!;
    await this.#scene.faults.lift();
    if (link.client.received > 0 || upstream.hasFinished || upstream.isClosed || link.isBroken) return;
    upstream.send(1);
    link.client.resume();
    await this.#scene.waiting.until(
      "an answer of one byte",
      () => link.client.received > 0 || link.client.ending !== undefined,
    );
  }

  async #kill(number: number): Promise<void> {
    const link = this.#scene.links.find((each) => each.number === number);
    if (link === undefined || link.client.isClosed || link.upstream?.isClosed) return;
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
        faults: change === "faults" ? 1 - service.faults : service.faults,
        weight: change === "weight" ? 3 - service.weight : service.weight,
        check: change === "check" ? 1 - service.check : service.check,
      }),
      change === "extra",
    );
  }

  async #outage(): Promise<void> {
    const { faults, links, target: { addresses } } = this.#scene;
    this.#scene.mayFail = true;
    for (const link of links) {
      if (!link.client.isClosed && !link.upstream!.isClosed) await ensureOpen(this.#scene, link);
    }
    for (const link of links) link.actOfProxy("outage");
    await faults.add({ type: "down" });
    for (const address of addresses) {
      const refused = await dialService(address).then((conn) => conn.close(), () => true);
      if (refused !== true) throw new Fault("a service that is down accepts clients");
    }
    await faults.removeLast();
  }

  /** Makes all ends read and finish, then checks counters and log. */
  async #end(): Promise<void> {
    for (const { client, upstream } of this.#scene.links) for (const end of [client, upstream]) end?.resume();
    await settle(this.#scene);
    if (this.#scene.target.row.pool !== "reuse") {
      for (const link of this.#scene.links) {
        for (const side of ["client", "upstream"] as const) {
          const end = link.end(side);
          if (end !== undefined && !end.isClosed && !end.hasFinished && end.writeError === undefined) {
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
        if (end === undefined || end.isClosed) continue;
        if (end.ending === undefined || this.#scene.target.row.pool === "reuse") {
          if (this.#scene.target.row.pool === "reuse" && side === "upstream") continue;
          if (side === "upstream") this.#scene.mayFail = true;
          link.act(side, "close", true);
          end.close();
        }
      }
    }
    await this.#scene.faults.clear();
    await audit(this.#scene, this.#before);
  }
}
