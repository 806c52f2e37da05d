/**
 * Notifies a service manager, such as systemd, of what the program does: the protocol of sd_notify(3), datagrams of
 * `NAME=VALUE` lines to the socket that `NOTIFY_SOCKET` names. Without that variable, none of this runs.
 */

import { isAbstract, unixAddress } from "../../net/address.ts";
import { DatagramSender } from "../../net/socket/datagram_sender.ts";
import { sleep } from "../../net/timers/sleep.ts";
import type { Log } from "../../observe/log/log.ts";
import { permissionFault, withRemedy } from "../../files/permission_fault.ts";
import { amountOf } from "../../config/values/amount.ts";

/** Milliseconds between two checks whether the text of the status has changed. */
const STATUS_EVERY = 5000;
/** Microseconds in a millisecond, and in a second. */
const MICROSECONDS = 1000;
const SECOND = 1_000_000;
/** Milliseconds that the end of the program may take after the drain. */
const REST_OF_STOP = 30_000;
/** Milliseconds that messages may wait at the end for a manager that does not read them. */
const LONGEST_WAIT_AT_END = 1000;

/** What a service manager can learn. The states of a program follow each other. */
export interface Lifecycle {
  /** A reload begins. */
  reloading(): void;
  /** It has ended. @param isRefused Nothing has changed. */
  reloaded(isRefused: boolean): void;
  /** The program stops. @param drain Milliseconds that it may wait for open connections. */
  stopping(drain: number): void;
}

/** The figures of the status, and whether all threads respond. */
export interface ManagedProxy {
  readonly services: readonly unknown[];
  readonly supervisor: {
    /** Open connections. */
    readonly active: number;
    readonly parts: { readonly threads: { areAlive(): boolean } };
  };
}

/** The variables that a service manager sets. */
export type Environment = (name: string) => string | undefined;

type State = "starting" | "ready" | "stopping";

export class ServiceManager implements Lifecycle, AsyncDisposable {
  readonly #sender: Pick<DatagramSender, "send" | typeof Symbol.dispose>;
  readonly #log: Pick<Log, "warn">;
  /** Milliseconds between two keep-alive messages; undefined when none are asked for. */
  readonly #watchdogEvery: number | undefined;
  readonly #timers: ReturnType<typeof setInterval>[] = [];
  #state: State = "starting";
  #reloads = 0;
  #isRefused = false;
  #status = "";
  /** Messages are sent one after the other. */
  #last: Promise<void> = Promise.resolve();
  #pending = 0;
  #hasFailed = false;
  #isWithoutTime = false;

  constructor(
    sender: Pick<DatagramSender, "send" | typeof Symbol.dispose>,
    log: Pick<Log, "warn">,
    watchdogEvery: number | undefined,
  ) {
    this.#sender = sender;
    this.#log = log;
    this.#watchdogEvery = watchdogEvery;
  }

  /** The manager that `NOTIFY_SOCKET` names, if there is one. An address that cannot be used is a warning. */
  static connect(
    env: Environment,
    log: Pick<Log, "warn">,
    pid: number = Deno.pid,
  ): ServiceManager | undefined {
    const path = env("NOTIFY_SOCKET");
    if (path === undefined || path === "") return undefined;
    const address = path.startsWith("@") ? unixAddress(`\0${path.slice(1)}`) : unixAddress(path);
    try {
      if (!isAbstract(address) && !address.path.startsWith("/")) {
        throw new TypeError("expected an absolute path, or @ and a name");
      }
      return new ServiceManager(DatagramSender.to(address), log, watchdogInterval(env, pid));
    } catch (error) {
      warn(log, `Cannot use NOTIFY_SOCKET=${JSON.stringify(path)}`, error);
      return undefined;
    }
  }

  /** All threads accept connections. Reports about `proxy` from now on. */
  ready(proxy: ManagedProxy): void {
    if (this.#state !== "starting") return;
    this.#state = "ready";
    this.#status = this.#statusOf(proxy);
    this.#send("READY=1", `STATUS=${this.#status}`);
    this.#every(STATUS_EVERY, () => {
      const status = this.#statusOf(proxy);
      if (status !== this.#status) this.#send(`STATUS=${this.#status = status}`);
    });
    if (this.#watchdogEvery === undefined) return;
    this.#every(this.#watchdogEvery, () => {
      if (proxy.supervisor.parts.threads.areAlive()) this.#send("WATCHDOG=1");
    });
  }

  reloading(): void {
    if (this.#state !== "ready" || ++this.#reloads > 1) return;
    const time = this.#monotonicTime();
    const lines = time === undefined ? [] : [`MONOTONIC_USEC=${time}`];
    this.#send("RELOADING=1", ...lines, "STATUS=Reloading the configuration");
  }

  reloaded(isRefused: boolean): void {
    this.#isRefused = isRefused;
    if (this.#state !== "ready" || this.#reloads === 0 || --this.#reloads > 0) return;
    this.#status = isRefused ? "The last reload was refused, nothing has changed" : "Reloaded";
    this.#send("READY=1", `STATUS=${this.#status}`);
  }

  stopping(drain: number): void {
    if (this.#state === "stopping") return;
    this.#state = "stopping";
    const longest = (drain + REST_OF_STOP) * MICROSECONDS;
    this.#send("STOPPING=1", `EXTEND_TIMEOUT_USEC=${longest}`, "STATUS=Waiting for open connections");
  }

  /** Resolves when the last message is sent, or after a second: a manager that does not read delays no stop. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    const sent = new AbortController();
    await Promise.race([this.#last, sleep(LONGEST_WAIT_AT_END, sent.signal)]);
    sent.abort();
    if (this.#pending > 0) this.#failed(new Error("it does not read its messages"));
    this.#sender[Symbol.dispose]();
  }

  #statusOf({ supervisor, services }: ManagedProxy): string {
    const figures = `${amountOf(supervisor.active, "connection")} of ${amountOf(services.length, "service")}`;
    if (this.#state === "stopping") return `Stopping, ${figures} open`;
    return this.#isRefused ? `${figures}; the last reload was refused` : figures;
  }

  #every(milliseconds: number, action: () => void): void {
    // A manager that receives nothing gets no more than one of these.
    const timer = setInterval(() => void (this.#pending === 0 && action()), milliseconds);
    timer.unref();
    this.#timers.push(timer);
  }

  /**
   * A time of CLOCK_MONOTONIC in microseconds that is not before now. The manager takes a message with an earlier time
   * than that of its request for one about an earlier reload. Deno has no exact time of that clock; the uptime, which
   * the kernel rounds up to a second, is never before it. Undefined where Deno may not read it: then only a manager
   * that waits for this message (`Type=notify-reload`) misses it.
   */
  #monotonicTime(): number | undefined {
    try {
      return Deno.osUptime() * SECOND;
    } catch (error) {
      if (!this.#isWithoutTime) {
        warn(this.#log, "Cannot report the time of a reload to the service manager", error);
      }
      this.#isWithoutTime = true;
      return undefined;
    }
  }

  #send(...lines: string[]): void {
    this.#pending += 1;
    const sent = this.#last.then(() => this.#sender.send(lines.join("\n")));
    this.#last = sent.catch((error) => this.#failed(error)).finally(() => this.#pending -= 1);
  }

  #failed(error: unknown): void {
    if (!this.#hasFailed) warn(this.#log, "Cannot notify the service manager", error);
    this.#hasFailed = true;
  }
}

/**
 * Milliseconds: half of the time after which the manager would end the program, if this one is watched. See
 * sd_watchdog_enabled(3).
 */
export function watchdogInterval(env: Environment, pid: number): number | undefined {
  const microseconds = Number(env("WATCHDOG_USEC") ?? 0);
  const process = env("WATCHDOG_PID");
  if (!(microseconds > 0) || (process !== undefined && process !== String(pid))) return undefined;
  return Math.max(1, Math.floor(microseconds / 2 / MICROSECONDS));
}

function warn(log: Pick<Log, "warn">, what: string, error: unknown): void {
  const refused = permissionFault(error);
  const why = refused === undefined ? (error as Error).message : withRemedy(refused);
  log.warn(`${what}: ${why}`, { event: "service_manager_not_notified" });
}
