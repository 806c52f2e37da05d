/** Whether the process may open enough descriptors for the connections it is configured for. */

import type { Config } from "../../config/config.ts";
import { amountOf } from "../../config/values/amount.ts";

/** Of the client and of the upstream. */
const PER_CONNECTION = 2;
/** For listeners, the log, health checks, and the runtime itself. */
const FOR_THE_REST = 32;
/** The most descriptors to probe; takes about a second. */
const MOST_PROBED = 200_000;
/** The fewest descriptors to probe if connections are limited, for reloads that raise the limit; takes 10 ms. */
const LEAST_PROBED = 1024;
/** Without limits.connections, the admin interface may use one in this many descriptors. */
const ADMIN_SHARE = 4;
/** The admin interface always gets this many. */
const LEAST_ADMIN = 4;

/**
 * The configuration promises more connections than this process can have.
 *
 * @example Start with fewer where the system has no more
 * ```ts
 * import { DescriptorError, startProxy } from "@sluice/sluice";
 *
 * const services = [{ name: "db", listen: 0, upstream: "127.0.0.1:5432" }];
 * const proxy = await startProxy({ services, limits: { connections: 1_000_000 } }).catch((error) => {
 *   if (error instanceof DescriptorError) return startProxy({ services });
 *   throw error;
 * });
 * await proxy.stop();
 * ```
 */
export class DescriptorError extends Error {
  /** The name of the class. */
  override readonly name = "DescriptorError";
}

/**
 * The descriptors that were free at the start. Deno has no call for the limit, and may lack permission to read it in
 * `/proc`, so the only way is to open descriptors until none is left. This is done once, before any client needs one.
 */
export class DescriptorBudget {
  /** The number free at the start, or a lower bound unless `isAll`. */
  readonly #free: number;
  readonly #isAll: boolean;
  /** The most connections of the admin interface. */
  readonly adminConnections: number;

  private constructor(free: number, isAll: boolean, { admin, limits }: Asked) {
    this.#free = free;
    this.#isAll = isAll;
    const left = limits.connections === 0
      ? Math.floor(free / ADMIN_SHARE)
      : free - needOf(limits.connections);
    this.adminConnections = admin === undefined
      ? 0
      : isAll
      ? Math.min(admin.maxConnections, Math.max(left, LEAST_ADMIN))
      : admin.maxConnections;
  }

  /** Opens as many descriptors as a configuration may need, and closes them again. */
  static probe(config: Asked, open: () => Disposable = openNull): DescriptorBudget {
    const wanted = wantedBy(config);
    if (wanted === 0 || Deno.build.os === "windows") return new DescriptorBudget(0, false, config);
    const opened: Disposable[] = [];
    try {
      while (opened.length < wanted) opened.push(open());
      return new DescriptorBudget(opened.length, false, config);
    } catch {
      return new DescriptorBudget(opened.length, true, config);
    } finally {
      for (const file of opened) file[Symbol.dispose]();
    }
  }

  /**
   * Whether this many connections are known to fit; false when that many descriptors were never probed. Opens
   * nothing: a running program must not take descriptors from its clients to find out.
   *
   * @throws {DescriptorError} when they do not fit.
   */
  check(connections: number): boolean {
    if (connections === 0) return true;
    const need = needOf(connections);
    if (need <= this.#free) return true;
    if (!this.#isAll) return false;
    const possible = Math.max(0, Math.floor((this.#free - FOR_THE_REST) / PER_CONNECTION));
    throw new DescriptorError(
      `Cannot have ${
        amountOf(connections, "connection")
      } (limits.connections): each takes two descriptors, ` +
        `and there are enough for ${possible}. Raise the limit ("ulimit -n ${
          need + FOR_THE_REST
        }") or lower the key`,
    );
  }
}

type Asked = Pick<Config, "admin" | "limits">;

function needOf(connections: number): number {
  return connections * PER_CONNECTION + FOR_THE_REST;
}

function wantedBy({ admin, limits }: Asked): number {
  const forAdmin = admin?.maxConnections ?? 0;
  if (limits.connections === 0) return forAdmin * ADMIN_SHARE;
  return Math.min(Math.max(needOf(limits.connections) + forAdmin, LEAST_PROBED), MOST_PROBED);
}

function openNull(): Disposable {
  return Deno.openSync("/dev/null");
}
