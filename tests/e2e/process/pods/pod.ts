/** A sluice that starts and ends as a pod of docs/deploy/kubernetes does, in less time. */

import { setTimeout as pause } from "node:timers/promises";
import { parse } from "yaml";
import { Admin } from "../../../support/program/admin.ts";
import { eventually } from "../../../support/eventually.ts";
import { connect, readText, writeText } from "../../../support/peers/sockets.ts";
import { type Finished, Sluice } from "../../../support/program/program.ts";
import type { PodBalancer } from "./pod_balancer.ts";

/** How much faster than in a cluster times go by. */
const FASTER = 20;
const BASE = new URL("../../../../docs/deploy/kubernetes/base/", import.meta.url);

/** In milliseconds. */
export interface PodTimes {
  /** From the deletion to SIGTERM. */
  readonly preStop: number;
  /** From SIGTERM until open connections are closed. */
  readonly drain: number;
  /** From the deletion to the kill. */
  readonly grace: number;
  /** From the deletion until the balancer knows of it. */
  readonly notice: number;
}

/** Those of the manifests. The balancer takes half the time that it has. */
export function manifestTimes(): PodTimes {
  const { spec } = parse(read("deployment.yaml")).spec.template;
  const config = parse(parse(read("config.yaml")).data["sluice.yaml"]);
  const preStop = scaled(spec.containers[0].lifecycle.preStop.sleep.seconds);
  const drain = scaled(Number(/^(\d+)s$/.exec(config.shutdown.drain)![1]));
  return { preStop, drain, grace: scaled(spec.terminationGracePeriodSeconds), notice: preStop / 2 };
}

export class Pod implements AsyncDisposable {
  readonly #sluice: Sluice;
  readonly #times: PodTimes;

  private constructor(sluice: Sluice, times: PodTimes) {
    this.#sluice = sluice;
    this.#times = times;
  }

  /** Starts it before `upstream`. Resolves when it is ready, and `balancer` has it. */
  static async start(upstream: string, balancer: PodBalancer, times: PodTimes): Promise<Pod> {
    const sluice = await Sluice.withConfig(`
log: { format: json }
admin: { listen: "127.0.0.1:0" }
shutdown: { drain: ${times.drain}ms }
services: [{ name: test, listen: 0, upstream: "${upstream}" }]
`);
    const pod = new Pod(sluice, times);
    const admin = new Admin(sluice);
    await eventually(
      "the pod to be ready",
      () => admin.ask("GET", "/readyz"),
      ({ status }) => status === 200,
    );
    balancer.add(sluice.port());
    return pod;
  }

  /** Deletes it: kubelet and balancer know at the same time, and take their time. Resolves when it has ended. */
  async delete(balancer: PodBalancer): Promise<Finished & { readonly killed: boolean }> {
    const { preStop, grace, notice } = this.#times;
    const deadline = performance.now() + grace;
    // One is open at SIGTERM for certain, whatever the clients do, and ends by itself.
    using held = await connect(this.#sluice.port());
    await writeText(held, "x");
    await readText(held, 1);
    const noticed = pause(notice).then(() => balancer.remove(this.#sluice.port()));
    await pause(preStop);
    this.#sluice.kill("SIGTERM");
    const late = new AbortController();
    let killed = false;
    const kill = pause(deadline - performance.now(), undefined, { signal: late.signal }).then(() => {
      killed = true;
      this.#sluice.kill("SIGKILL");
    }, () => {});
    await this.#sluice.logged('"event":"stopping"');
    await held.closeWrite().catch(() => {}); // without a drain, it is cut
    const finished = await this.#sluice.ended();
    late.abort();
    await Promise.all([noticed, kill]);
    return { ...finished, killed };
  }

  /** The fields of the last log line of an event. */
  event(name: string): Readonly<Record<string, unknown>> | undefined {
    return this.#sluice.events(name).at(-1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sluice[Symbol.asyncDispose]();
  }
}

function scaled(seconds: number): number {
  return seconds * 1000 / FASTER;
}

function read(name: string): string {
  return Deno.readTextFileSync(new URL(name, BASE));
}
