/**
 * `discovery: { consul: … }`: the instances of a service in Consul. A blocking query answers as soon as something has
 * changed since the index of the previous answer (https://developer.hashicorp.com/consul/api-docs/features/blocking).
 */

import type { ConsulEntry } from "../../../config/schema/discovery_schema.ts";
import { readBody } from "../../../net/http_client.ts";
import { RequestDeadline } from "../request_deadline.ts";
import type { DiscoverySource, SourceContext } from "../source.ts";
import { backOff, type SourceParts } from "../source_parts.ts";
import { tokenIn } from "../token_file.ts";
import { TrustingClient } from "../trusting_client.ts";
import { instancesIn } from "./instances.ts";

/** Milliseconds between an answer and the next question: a service that changes all the time must cause no flood. */
const PAUSE = 100;
/** The same after an answer that came at once and changed nothing: this server does not wait for changes. */
const LONG_PAUSE = 1000;
/** Consul adds up to a sixteenth of the wait; this is for the way there and back, in milliseconds. */
const LEEWAY = 10_000;
/** How much of a refusal is repeated, in characters. */
const MAX_REPEATED = 200;

export const consulSource: DiscoverySource<"consul"> = {
  verb: ["ask", "asked"],
  describe: ({ service, address, tag, datacenter }) => {
    const more = [
      ...tag.length === 0 ? [] : [`tag ${tag.join(" and ")}`],
      ...datacenter === undefined ? [] : [`datacenter ${datacenter}`],
    ];
    return `Consul (${[`service ${service} at ${address}`, ...more].join(", ")})`;
  },
  async run(options, { events, parts, signal }) {
    using consul = new Consul(options, parts);
    const unusable = new Reports(events);
    const what = `Consul at ${options.address}`;
    let failures = 0;
    while (!signal.aborted) {
      try {
        const { answer, pause } = await consul.ask(signal);
        const instances = instancesIn(answer, options.passingOnly);
        if (signal.aborted) return;
        failures = 0;
        events.answered(what);
        unusable.report(instances.unusable);
        events.endpoints(instances.endpoints);
        await parts.wait(pause, signal);
      } catch (error) {
        if (signal.aborted) return;
        events.failed(what, error);
        // It may have restarted, with another index.
        consul.forgetIndex();
        await parts.wait(backOff(++failures, parts.random), signal);
      }
    }
  },
};

/** The API of one agent, and the index of its last answer. */
class Consul implements Disposable {
  readonly #options: ConsulEntry;
  readonly #parts: SourceParts;
  readonly #client: TrustingClient;
  #index = 0;

  constructor(options: ConsulEntry, parts: SourceParts) {
    this.#options = options;
    this.#parts = parts;
    this.#client = new TrustingClient(options.ca, parts);
  }

  /** The next question is answered at once. */
  forgetIndex(): void {
    this.#index = 0;
  }

  /** The next answer, and how long to wait until the next question. @throws in words, and when `signal` aborts. */
  async ask(signal: AbortSignal): Promise<{ readonly answer: unknown; readonly pause: number }> {
    const { wait, service } = this.#options;
    const asked = this.#index;
    const since = this.#parts.now();
    // Without an index, Consul does not wait.
    const longest = (asked === 0 ? 0 : wait + wait / 16) + LEEWAY;
    using deadline = new RequestDeadline(longest, "no answer in time", signal);
    const token = await this.#token();
    const client = await this.#client.now();
    const response = await client.fetch(this.#url(asked), {
      headers: token === undefined ? {} : { "X-Consul-Token": token },
      signal: deadline.signal,
    });
    const body = await readBody(response);
    if (response.status !== 200) throw new Error(refusal(response.status, body, token));
    const index = Number(response.headers.get("X-Consul-Index"));
    // An index that goes backwards, or is none, means nothing to the next question.
    this.#index = Number.isSafeInteger(index) && index > 0 && index >= asked ? index : 0;
    const isEarly = this.#index === asked && this.#parts.now() - since < wait / 2;
    const answer = parse(body, service);
    const isFiltered = response.headers.get("X-Consul-Results-Filtered-By-ACLs") === "true";
    if (isFiltered && Array.isArray(answer) && answer.length === 0) {
      throw new Error(`the token may not see the instances of the service ${service}`);
    }
    return { answer, pause: isEarly ? LONG_PAUSE : PAUSE };
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }

  #url(index: number): URL {
    const { address, service, tag, datacenter, wait } = this.#options;
    const url = new URL(`/v1/health/service/${encodeURIComponent(service)}`, address);
    for (const each of tag) url.searchParams.append("tag", each);
    if (datacenter !== undefined) url.searchParams.set("dc", datacenter);
    if (index === 0) return url;
    url.searchParams.set("index", String(index));
    url.searchParams.set("wait", `${Math.ceil(wait / 1000)}s`);
    return url;
  }

  /** Read each time: something may rotate it. */
  async #token(): Promise<string | undefined> {
    const { token, tokenFile } = this.#options;
    return tokenFile === undefined ? token : await tokenIn(tokenFile, this.#parts.files);
  }
}

/** Reports what is wrong with instances, until it no longer is. */
class Reports {
  readonly #events: SourceContext["events"];
  #known: ReadonlyMap<string, Error> = new Map();

  constructor(events: SourceContext["events"]) {
    this.#events = events;
  }

  report(now: ReadonlyMap<string, Error>): void {
    for (const what of this.#known.keys()) if (!now.has(what)) this.#events.forgotten(what);
    for (const [what, error] of now) this.#events.failed(what, error);
    this.#known = now;
  }
}

function parse(body: string, service: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new SyntaxError(`the answer for the service ${service} is not JSON`);
  }
}

/** Consul explains itself in the body. It repeats no secret, and a proxy before it must not either. */
function refusal(status: number, body: string, token: string | undefined): string {
  const [line = ""] = body.trim().split("\n");
  const why = token === undefined ? line : line.replaceAll(token, "***");
  return why === "" ? `status ${status}` : `status ${status}: ${why.slice(0, MAX_REPEATED)}`;
}
