/**
 * The faults of a service in one thread, and of each of its connections. Faults come, change and go while connections
 * live, which get and lose them at once.
 */

import type { FaultConfig } from "../config/config.ts";
import { ConnectionFault } from "../faults/connection_fault.ts";
import type { FaultKind } from "../faults/fault.ts";
import { kindOf } from "../faults/registry.ts";
import { type Selection, selectionOf } from "../faults/selection.ts";
import { Linked, LinkedList } from "../net/linked_list.ts";
import type { Relay } from "../relay/relay.ts";
import type { PlacedStage, Way } from "../relay/stages.ts";
import { SharedCounter } from "../shared/shared_counter.ts";
import type { ClientFacts } from "./client_facts.ts";

/** A fault as threads get it. */
export interface FaultPlan {
  readonly config: FaultConfig;
  /** Unique among all faults the service ever had. */
  readonly id: number;
  /** A changed fault has a new version: open connections then replace its stages. */
  readonly version: number;
  /** How many connections its service had had when it was added. */
  readonly addedAt: number;
  /** The memory of a {@linkcode SharedCounter}: on how many connections it has acted. */
  readonly applied: SharedArrayBuffer;
}

/** What the connections of a service draw their numbers from, and its faults. */
export interface FaultsPlan {
  /** The memory of a {@linkcode SharedCounter}: the connections so far. */
  readonly connections: SharedArrayBuffer;
  /** In the order in which they act. */
  readonly faults: readonly FaultPlan[];
}

/** What a fault can do before a connection reaches its upstream. */
type Step = "accept" | "connect";

/** A fault of a service that is enabled. */
class ServiceFault {
  readonly plan: FaultPlan;
  readonly kind: FaultKind;
  readonly applied: SharedCounter;
  readonly selects: Selection;
  /** The directions in which it acts on bytes. */
  readonly ways: readonly Way[];

  constructor(plan: FaultPlan) {
    const { name, type, trigger, direction } = plan.config;
    this.plan = plan;
    this.kind = kindOf(type);
    this.applied = new SharedCounter(plan.applied);
    this.selects = selectionOf(name, trigger);
    if (this.kind.bytes === undefined) this.ways = [];
    else this.ways = direction === "both" ? ["upload", "download"] : [direction];
  }
}

/** All faults of a service. They survive its reload, as its connections do. */
export class ServiceFaults {
  readonly service: string;
  readonly seed: string;
  readonly #numbers: SharedCounter;
  readonly #open = new LinkedList<ConnectionFaults>();
  #faults: readonly ServiceFault[] = [];

  /**
   * @param seed Of the run.
   * @param connections The memory of a {@linkcode SharedCounter}: how many there have been.
   */
  constructor(service: string, seed: string, connections: SharedArrayBuffer) {
    this.service = service;
    this.seed = seed;
    this.#numbers = new SharedCounter(connections);
  }

  get all(): readonly ServiceFault[] {
    return this.#faults;
  }

  /** Replaces them, also in open connections. Unchanged ones stay as they are. */
  set(plans: readonly FaultPlan[]): void {
    const before = new Map(this.#faults.map((fault) => [fault.plan.version, fault]));
    this.#faults = plans.filter(({ config }) => config.isEnabled).map((plan) =>
      before.get(plan.version) ?? new ServiceFault(plan)
    );
    for (const connection of this.#open.all()) connection.onChange();
  }

  /** The service is down: ends its connections. */
  cut(): void {
    const down = this.#faults.find(({ kind }) => kind.isDown);
    if (down === undefined) return;
    for (const connection of this.#open.all()) connection.cut(down);
  }

  /** A connection was accepted. Dispose of the result when it has ended. */
  open(connection: FaultyConnection): ConnectionFaults {
    const opened = new ConnectionFaults(this, this.#numbers.next(), connection);
    this.#open.add(opened);
    return opened;
  }
}

/** A connection that faults act on. */
export interface FaultyConnection {
  /** The client's IP address as it is known by now; empty for a unix socket. */
  readonly clientIp: string;
  /** Its server name, if that is known by now: in a PROXY header or its ClientHello. */
  readonly serverName: string | undefined;
  /** Ends it at once. */
  abort(code: "fault", isReset: boolean): void;
  /** A fault has begun to act on it. */
  faultApplied(fault: string): void;
}

/** The decision about one fault; `acting` is undefined if it does not act on this connection. */
interface Decided {
  readonly fault: ServiceFault;
  readonly acting: ConnectionFault | undefined;
  readonly stages: Map<Way, PlacedStage>;
}

/** The faults of one connection. */
export class ConnectionFaults extends Linked<ConnectionFaults> {
  /** Whether one of them depends on the ClientHello. */
  readonly needsHello: boolean;
  readonly #service: ServiceFaults;
  readonly #number: number;
  readonly #connection: FaultyConnection;
  /** The ids of the faults that have acted on it. */
  readonly #applied: number[] = [];
  #decided: Decided[] = [];
  #relay: Relay | undefined;
  /** The fault that the connection waits for. */
  #waiting: { readonly fault: ServiceFault; readonly end: AbortController } | undefined;
  #isOver = false;

  constructor(service: ServiceFaults, number: number, connection: FaultyConnection) {
    super();
    this.#service = service;
    this.#number = number;
    this.#connection = connection;
    this.needsHello = service.all.some(({ plan }) => plan.config.trigger.sni !== undefined);
  }

  /** What random numbers of the connection follow from. */
  get seed(): readonly (string | number)[] {
    return [this.#service.seed, this.#service.service, this.#number];
  }

  /**
   * Whether the ClientHello of a client has to be read to know its name. Its route is known by now, and it must not
   * lead the client elsewhere.
   */
  needsHelloOf(client: Pick<ClientFacts, "awaitsName" | "settle">): boolean {
    if (!this.needsHello || !client.awaitsName) return false;
    client.settle();
    return true;
  }

  /** Whether faults may act at a step. */
  actAt(step: Step): boolean {
    return this.#service.all.some(({ kind }) => kind[step] !== undefined);
  }

  /** Lets faults act at a step, one after the other. Resolves at once when {@linkcode abort} is called. */
  async act(step: Step): Promise<void> {
    for (const fault of this.#service.all) {
      // It may have been removed while an earlier one acted.
      if (this.#isOver || fault.kind[step] === undefined || !this.#service.all.includes(fault)) continue;
      const { acting } = this.#decide(fault);
      if (acting === undefined) continue;
      const end = new AbortController();
      this.#waiting = { fault, end };
      await acting[step](end.signal);
    }
    this.#waiting = undefined;
  }

  /** The connection ends: it waits for no fault any longer. */
  abort(): void {
    this.#isOver = true;
    this.#waiting?.end.abort();
  }

  /** The service is down. */
  cut(down: ServiceFault): void {
    this.#actionsOf(down).onApplied();
    this.#connection.abort("fault", false);
  }

  /** The connection is about to be relayed: its faults become stages. */
  placeOn(relay: Relay): void {
    this.#relay = relay;
    this.#place();
  }

  /** The faults of the service have changed. */
  onChange(): void {
    const { all } = this.#service;
    if (this.#waiting !== undefined && !all.includes(this.#waiting.fault)) this.#waiting.end.abort();
    const removed = this.#decided.filter(({ fault }) => !all.includes(fault));
    this.#decided = this.#decided.filter(({ fault }) => all.includes(fault));
    this.#place();
    for (const { stages } of removed) {
      for (const stage of stages.values()) void this.#relay!.removeStage(stage);
    }
  }

  override [Symbol.dispose](): void {
    this.#isOver = true;
    super[Symbol.dispose]();
  }

  /** Adds the stages that are missing, each before those of the faults that were created later. */
  #place(): void {
    const relay = this.#relay;
    if (relay === undefined || this.#isOver) return;
    const next: Partial<Record<Way, PlacedStage>> = {};
    for (const fault of this.#service.all.toReversed()) {
      const { acting, stages } = this.#decide(fault);
      for (const way of fault.ways) {
        if (acting !== undefined && !stages.has(way)) {
          const stage = relay.addStage(way, ({ signal }) => acting.stage(way, signal), next[way]);
          if (stage !== undefined) stages.set(way, stage);
        }
        const last = stages.get(way);
        if (last !== undefined) next[way] = last;
      }
    }
  }

  /** Whether a fault acts on this connection, which is decided once. */
  #decide(fault: ServiceFault): Decided {
    const known = this.#decided.find((each) => each.fault === fault);
    if (known !== undefined) return known;
    const { clientIp, serverName } = this.#connection;
    const { service, seed } = this.#service;
    const { addedAt, config } = fault.plan;
    const isSelected = fault.selects({ seed, service, number: this.#number, addedAt, clientIp, serverName });
    const acting = isSelected ? new ConnectionFault(config, this.#actionsOf(fault)) : undefined;
    const decided = { fault, acting, stages: new Map() };
    this.#decided.push(decided);
    return decided;
  }

  #actionsOf({ applied, plan: { id, config: { name, trigger: { times } } } }: ServiceFault) {
    const { service, seed } = this.#service;
    // One that has changed is still the same to its connections.
    const isKnown = () => this.#applied.includes(id);
    return {
      seed,
      service,
      number: this.#number,
      close: () => this.#end(false),
      reset: () => this.#end(true),
      take: () => isKnown() || applied.take(times!),
      onApplied: () => {
        if (isKnown()) return;
        if (times === undefined) applied.next();
        this.#applied.push(id);
        this.#connection.faultApplied(name);
      },
    };
  }

  #end(isReset: boolean): void {
    if (this.#relay === undefined) this.#connection.abort("fault", isReset);
    else if (isReset) this.#relay.reset("fault");
    else this.#relay.close("fault");
  }
}
