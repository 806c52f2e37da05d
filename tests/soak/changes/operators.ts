/**
 * Simulates operators that read everything, close connections and take endpoints out, and endpoints that go down by
 * themselves.
 */

import type { Admin } from "../../support/program/admin.ts";
import type { ConnectionPage } from "../../../src/admin/views.ts";
import { sleep } from "../clock.ts";
import type { Incidents } from "../verdict/incidents.ts";
import type { Random } from "../../support/random.ts";
import type { Upstream } from "./upstreams.ts";

const GROUP = "trio";

const PAGES = [
  "status",
  "services",
  "upstreams",
  "config",
  "connections?sort=-age&limit=1000",
  "connections?filter=trio&sort=bytes&limit=10",
  "connections?limit=20&offset=20",
];

export interface OperatorsParts {
  readonly admin: Admin;
  /** The endpoints of the group. */
  readonly members: readonly Upstream[];
  readonly incidents: Incidents;
  readonly random: Random;
  readonly onWrong: (what: string) => void;
}

export class Operators {
  readonly #parts: OperatorsParts;
  killed = 0;
  outages = 0;

  constructor(parts: OperatorsParts) {
    this.#parts = parts;
  }

  /** Performs one random action. */
  async act(signal: AbortSignal): Promise<void> {
    const { random, admin } = this.#parts;
    const what = random.next();
    if (what < 0.4) await this.#kill();
    else if (what < 0.55) await this.#takeOut("drain", signal);
    else if (what < 0.65) await this.#takeOut("down", signal);
    else if (what < 0.75) await this.#listen(signal);
    else await admin.view(random.pick(PAGES));
  }

  /** Takes an endpoint down for a second; half of the time, resets its connections too. */
  async outage(signal: AbortSignal): Promise<void> {
    const { random, members, incidents } = this.#parts;
    const member = random.pick(members);
    const end = incidents.begin("outage", GROUP);
    member.stopListening();
    if (random.chance(0.5)) member.strike();
    this.outages += 1;
    await sleep(1000, signal);
    await member.listen();
    end();
  }

  async #kill(): Promise<void> {
    const { admin, random, incidents, onWrong } = this.#parts;
    const { connections } = await admin.view<ConnectionPage>("connections?limit=1000");
    // A client of a unix socket has no address that identifies it.
    const candidates = connections.filter(({ service }) => service !== "socket");
    if (candidates.length === 0) return;
    const { id, client } = random.pick(candidates);
    incidents.note("kill", client);
    const { status, text } = await admin.kill(id);
    if (status === 200) this.killed += 1;
    else if (status !== 404) onWrong(`DELETE of connection ${id}: ${status} ${text}`);
  }

  async #takeOut(state: "drain" | "down", signal: AbortSignal): Promise<void> {
    const { random, members, incidents } = this.#parts;
    const { address } = random.pick(members);
    const end = state === "down" ? incidents.begin("set_down", GROUP) : () => {};
    await this.#set(address, state);
    await sleep(random.integer(300, 2000), signal);
    await this.#set(address, "up");
    end();
  }

  async #set(address: string, state: string): Promise<void> {
    const { admin, onWrong } = this.#parts;
    const path = `/api/v1/upstreams/${GROUP}/${encodeURIComponent(address)}`;
    const { status, text } = await admin.ask("POST", path, { state });
    if (status !== 200) onWrong(`POST ${path}: ${status} ${text}`);
  }

  /** Reads events for a while, as the page in a browser does. */
  async #listen(signal: AbortSignal): Promise<void> {
    using _events = await this.#parts.admin.events();
    await sleep(this.#parts.random.integer(500, 4000), signal);
  }
}
