/** The faults that a sequence has added to its service. */

import type { FaultBody } from "../faults.ts";
import { HOLDING } from "../faults.ts";
import type { Target } from "../fixture.ts";
import { Fault } from "./waiting.ts";

/** A fault of a service, as the API shows it. */
interface FaultState {
  readonly name: string;
  readonly configured: boolean;
  readonly applied: number;
}

interface Added {
  readonly name: string;
  readonly type: string;
  /** On how many connections it acts at most. */
  readonly most: number;
  isEnabled: boolean;
}

/** Names faults over all sequences of this process. */
let faults = 0;

export class SceneFaults {
  readonly #target: Target;
  #added: Added[] = [];

  constructor(target: Target) {
    this.#target = target;
  }

  /** Resolves with the name when it acts. @param most On how many connections it may act. */
  async add(body: FaultBody, most = Infinity): Promise<string> {
    const name = `${body.type}-${++faults}`;
    await this.#ask("POST", "", { ...body, name });
    this.#added.push({ name, type: body.type, most, isEnabled: true });
    return name;
  }

  /** Disables one, or enables it again. Nothing happens when there is none. */
  async change(index: number): Promise<void> {
    const fault = this.#added[index % this.#added.length];
    if (fault === undefined) return;
    fault.isEnabled = !fault.isEnabled;
    await this.#ask("PATCH", `/${fault.name}`, { enabled: fault.isEnabled });
  }

  /** Nothing happens when there is none. */
  async remove(index: number): Promise<void> {
    const fault = this.#added[index % this.#added.length];
    if (fault !== undefined) await this.#remove([fault]);
  }

  /** Removes the one that was added last. */
  async removeLast(): Promise<void> {
    await this.#remove(this.#added.slice(-1));
  }

  /** Removes those that hold bytes or ends back, so that everything can arrive. */
  async lift(): Promise<void> {
    await this.#remove(this.#added.filter(({ type }) => HOLDING.has(type)));
  }

  /** Removes all. @throws {Fault} when one stays, or has acted on too many connections. */
  async clear(): Promise<void> {
    if (this.#added.length === 0) return;
    await this.#remove(this.#added);
    const left = (await this.#states()).filter(({ configured }) => !configured);
    if (left.length > 0) throw new Fault(`faults are left: ${left.map(({ name }) => name).join(", ")}`);
  }

  async #remove(faults: readonly Added[]): Promise<void> {
    if (faults.length === 0) return;
    this.#added = this.#added.filter((fault) => !faults.includes(fault));
    const states = new Map((await this.#states()).map((state) => [state.name, state]));
    for (const { name } of faults) await this.#ask("DELETE", `/${name}`);
    for (const { name, most } of faults) {
      const applied = states.get(name)?.applied;
      if (applied === undefined) throw new Fault(`the fault ${name} is gone`);
      if (applied > most) throw new Fault(`the fault ${name} of ${most} connections has acted on ${applied}`);
    }
  }

  async #states(): Promise<FaultState[]> {
    return JSON.parse(await this.#ask("GET", ""));
  }

  async #ask(method: string, path: string, body?: unknown): Promise<string> {
    const { fixture, name } = this.#target;
    const { status, text } = await fixture.admin.ask(method, `/api/v1/services/${name}/faults${path}`, body);
    if (status >= 300) throw new Fault(`${method} of a fault: ${status} ${text}`);
    return text;
  }
}
