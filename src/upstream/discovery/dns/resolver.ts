/**
 * DNS queries, for data that the system's lookup does not return: TTLs and SRV records. Uses `node:dns`, because
 * `Deno.resolveDns` returns no TTLs. In Deno, both use /etc/hosts, refuse names with an underscore inside a label, and
 * report SERVFAIL and REFUSED like NXDOMAIN.
 */

import { Resolver as NodeResolver } from "node:dns/promises";
import { formatAddress, type TcpAddress } from "../../../net/address.ts";
import { proxyErrorOf } from "../../../net/errors.ts";
import { requireNetPermission } from "../../../net/net_permission.ts";

/** A query is repeated after 650 ms, and times out 1300 ms later. */
const QUERY = { timeout: 650, tries: 2 };

/** The reasons for the codes with which queries fail. */
const EXPLANATIONS: Readonly<Record<string, string>> = {
  ETIMEOUT: "no answer from the name server",
  UNKNOWN: "no name server known, or a name that Deno does not take (an underscore inside a label)",
};

/** The addresses of a name, at least one. */
export interface AddressRecords {
  /** Undefined when the server did not answer for this family. */
  readonly v4: readonly string[] | undefined;
  readonly v6: readonly string[] | undefined;
  /** TTL in milliseconds; undefined if unknown. */
  readonly ttl: number | undefined;
}

/** An SRV record (RFC 2782). */
export interface ServiceRecord {
  /** The lowest is used first. */
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  /** A name. */
  readonly target: string;
}

/** Looks up names without search domains. Both methods throw if there is no answer. */
export interface Resolver {
  addresses(name: string, signal: AbortSignal): Promise<AddressRecords>;
  /** At least one record. */
  services(name: string, signal: AbortSignal): Promise<readonly ServiceRecord[]>;
}

export class DnsResolver implements Resolver {
  readonly #server: TcpAddress | undefined;

  /** @param server The name server to ask, by its IP address; those of the system when undefined. */
  constructor(server: TcpAddress | undefined) {
    this.#server = server;
  }

  async addresses(name: string, signal: AbortSignal): Promise<AddressRecords> {
    using query = this.#query(signal);
    const [v4, v6, alias] = await Promise.allSettled([
      orNone(query.resolver.resolve4(absolute(name), { ttl: true })),
      orNone(query.resolver.resolve6(absolute(name), { ttl: true })),
      // This TTL is that of the address; an alias that leads to it often has a much shorter one.
      orNone(query.resolver.resolveCname(absolute(name))),
    ]);
    const found = [v4, v6].flatMap((family) => family.status === "fulfilled" ? family.value : []);
    if (found.length === 0) {
      const failed = [v4, v6].find((family) => family.status === "rejected");
      throw failed === undefined ? new Error("no A or AAAA record") : explained(failed.reason);
    }
    const isKnown = v4.status === "fulfilled" && v6.status === "fulfilled" && alias.status === "fulfilled" &&
      alias.value.length === 0;
    return {
      v4: v4.status === "fulfilled" ? v4.value.map(({ address }) => address) : undefined,
      v6: v6.status === "fulfilled" ? v6.value.map(({ address }) => address) : undefined,
      ttl: isKnown ? shortest(found) : undefined,
    };
  }

  async services(name: string, signal: AbortSignal): Promise<readonly ServiceRecord[]> {
    using query = this.#query(signal);
    try {
      const records = await orNone(query.resolver.resolveSrv(absolute(name)));
      // The root as target means that the service does not exist; Deno returns it as an empty name.
      const services = records.filter(({ name }) => name !== "" && name !== ".")
        .map(({ name: target, priority, weight, port }) => ({ priority, weight, port, target }));
      if (services.length > 0) return services;
    } catch (error) {
      throw explained(error);
    }
    throw new Error("no SRV record");
  }

  #query(signal: AbortSignal): Query {
    try {
      // Without it, Deno 2.9.6 only gives the code UNKNOWN.
      if (this.#server !== undefined) requireNetPermission(this.#server);
      return new Query(this.#server, signal);
    } catch (error) {
      throw explained(error);
    }
  }
}

/** Queries that are cancelled when `signal` aborts. */
class Query implements Disposable {
  readonly resolver = new NodeResolver(QUERY);
  readonly #signal: AbortSignal;
  readonly #onAbort = () => this.resolver.cancel();

  constructor(server: TcpAddress | undefined, signal: AbortSignal) {
    signal.throwIfAborted();
    this.#signal = signal;
    if (server !== undefined) this.resolver.setServers([formatAddress(server)]);
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener("abort", this.#onAbort);
  }
}

/** In milliseconds; undefined if a value does not match the types of node:dns. */
function shortest(records: readonly { readonly ttl: unknown }[]): number | undefined {
  const ttls = records.map(({ ttl }) => ttl).filter((ttl) => typeof ttl === "number" && ttl >= 0) as number[];
  return ttls.length === records.length ? Math.min(...ttls) * 1000 : undefined;
}

/** A trailing dot prevents search domains. */
function absolute(name: string): string {
  return name.endsWith(".") ? name : `${name}.`;
}

async function orNone<Record>(records: Promise<Record[]>): Promise<Record[]> {
  try {
    return await records;
  } catch (error) {
    if (codeOf(error) === "ENOTFOUND" || codeOf(error) === "ENODATA") return [];
    throw error;
  }
}

function explained(error: unknown): unknown {
  if (error instanceof Deno.errors.NotCapable) return proxyErrorOf(error, "proxy");
  const explanation = EXPLANATIONS[String(codeOf(error))];
  return explanation === undefined ? error : new Error(explanation, { cause: error });
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code;
}
