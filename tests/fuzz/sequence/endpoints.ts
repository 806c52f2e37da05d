/** The endpoints of a service: an operator disables one, it refuses connections, or health checks find both down. */

import type { UpstreamView } from "../../../src/admin/views.ts";
import { ENDPOINTS } from "../peers/arrivals.ts";
import type { Link } from "./link.ts";
import { identify } from "./opening.ts";
import type { Scene } from "./scene.ts";

export class Endpoints {
  readonly #scene: Scene;
  #down: { readonly endpoint: number; readonly how: "down" | "drain" | "refuse" | "sick" } | undefined;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  /** Whether a client can reach one now. */
  get areReachable(): boolean {
    return this.#down?.how !== "sick" || this.#scene.target.row.allDown === "try";
  }

  async takeDown(endpoint: number, how: "down" | "drain" | "refuse"): Promise<void> {
    if (this.#down !== undefined) return;
    const { fixture, name, arrivals } = this.#scene.target;
    this.#down = { endpoint, how };
    if (how === "refuse") {
      this.#scene.mayFail = true;
      return await arrivals.stopListening(endpoint);
    }
    if (how === "down") {
      this.#scene.mayFail = true;
      await this.#closeBy("endpoint_down", endpoint);
    }
    await fixture.setEndpoint(name, arrivals.addresses[endpoint]!, how);
  }

  async sicken(): Promise<void> {
    if (this.#down !== undefined) return;
    const { checks, row } = this.#scene.target;
    this.#down = { endpoint: -1, how: "sick" };
    if (row.onDown === "close") this.#scene.mayFail = true;
    await this.#mayCloseAll();
    checks!.isWell = false;
    await this.#areFound("down");
  }

  async #areFound(state: "up" | "down"): Promise<void> {
    const { fixture, name } = this.#scene.target;
    await this.#scene.waiting.eventually(`health checks to find the endpoints ${state}`, async () => {
      const groups = await fixture.admin.view<UpstreamView[]>("upstreams");
      const { endpoints } = groups.find((group) => group.name === `${name}-group`)!;
      return endpoints.every((endpoint) => endpoint.state === state);
    });
  }

  /** With `on_down: close`, health checks are about to close connections. */
  async #mayCloseAll(): Promise<void> {
    if (this.#scene.target.row.onDown !== "close") return;
    for (let endpoint = 0; endpoint < ENDPOINTS; endpoint++) await this.#closeBy("endpoint_down", endpoint);
  }

  /** sluice is about to close the connections of an endpoint. */
  async #closeBy(kind: "endpoint_down" | "failback", endpoint: number): Promise<void> {
    const own = this.#scene.links.filter((link) => link.endpoint === endpoint);
    for (const link of own) await ensureOpen(this.#scene, link);
    for (const link of own) link.actOfProxy(kind);
  }

  async up(): Promise<void> {
    const { fixture, name, arrivals, row, checks } = this.#scene.target;
    if (this.#down === undefined) return;
    const { endpoint, how } = this.#down;
    this.#down = undefined;
    if (how === "refuse") return arrivals.listenAgain(endpoint);
    if (row.share === "tiers" && endpoint <= 0) await this.#closeBy("failback", 1);
    if (how !== "sick") return await fixture.setEndpoint(name, arrivals.addresses[endpoint]!, "up");
    // The first endpoint that is found up ends the connections to the other one, which is still down.
    await this.#mayCloseAll();
    checks!.isWell = true;
    await this.#areFound("up");
  }
}

/** Before the relay, sluice replaces a broken upstream connection by one to another endpoint. */
export async function ensureOpen(scene: Scene, link: Link): Promise<void> {
  if (link.client.received > 0 || link.upstream!.received > 0) return;
  await identify(scene, link, "open");
}
