/** The configuration of sluice under the soak, and how it changes at random. */

import { formatDuration } from "../../../src/config/values/duration.ts";
import type { Random } from "../../support/random.ts";

/** The settings that stay the same. */
export interface Premises {
  readonly workers: number;
  readonly certificate: { readonly cert: string; readonly key: string };
  readonly accessLog: string;
  /** The path on which the service "socket" listens. */
  readonly socketPath: string;
  /** The address of an upstream, by its name. */
  readonly upstream: (name: string) => string;
}

/** The endpoints of the group. */
export const MEMBERS = ["a", "b", "c"] as const;

/** Services that are always configured, each with an upstream of its own name. */
export const SERVICES = [
  "plain",
  "tls",
  "native",
  "pass",
  "trio",
  "warm",
  "reuse",
  "header",
  "limited",
  "socket",
  "brief",
];
/** Services that reloads add and remove. */
export const EXTRAS = ["extra-1", "extra-2", "extra-3"];
/** The idle timeout of the service "brief", in milliseconds; all others have minutes. */
export const BRIEF_IDLE = 1500;

interface Values {
  /** The version: `idle_timeout` of the service "plain" is ten minutes and this many seconds. */
  version: number;
  level: string;
  balance: string;
  weights: number[];
  passive: boolean;
  checkEvery: number;
  limit: number;
  limitPerClient: number;
  maxIdle: number;
  header: string;
  bufferSize: string;
  nodelay: boolean;
  watch: boolean;
  extras: Set<string>;
}

type Change = (values: Values, random: Random) => string;

const CHANGES: readonly Change[] = [
  (values, random) => `level ${values.level = random.pick(["debug", "info", "warn", "error"])}`,
  (values, random) =>
    `balance ${values.balance = random.pick([
      "round_robin",
      "least_connections",
      "random_two",
      "source_hash",
    ])}`,
  (values, random) => `weights ${values.weights = MEMBERS.map(() => random.integer(1, 5))}`,
  (values, random) => `weights ${values.weights = MEMBERS.map(() => random.integer(1, 5))}`,
  (values) => `passive ${values.passive = !values.passive}`,
  (values, random) => `checks every ${values.checkEvery = random.integer(200, 900)} ms`,
  (values, random) => `limits.connections ${values.limit = random.integer(4, 12)}`,
  (values, random) => `limits.connections_per_client ${values.limitPerClient = random.integer(1, 4)}`,
  (values, random) => `max_idle ${values.maxIdle = random.integer(1, 8)}`,
  (values, random) => `send_proxy_protocol ${values.header = random.pick(["v1", "v2"])}`,
  (values, random) => `buffer_size ${values.bufferSize = random.pick(["4KiB", "32KiB", "256KiB", "1MiB"])}`,
  (values) => `nodelay ${values.nodelay = !values.nodelay}`,
  (values) => `reload.watch ${values.watch = !values.watch}`,
  (values, random) => toggle(values.extras, random.pick(EXTRAS)),
  (values, random) => toggle(values.extras, random.pick(EXTRAS)),
];

/** Makes files that must be refused from a valid one. */
const MISTAKES: readonly ((text: string) => string)[] = [
  (text) => `${text}servcies: []\n`,
  (text) => text.replace(/cert: [^,]*/, "cert: /no/such/file.pem"),
  (text) => text.replace("weight: ", "weight: -"),
  (text) => text.replace("name: plain", "name: trio"),
  () => "",
  (text) => text.slice(0, text.length / 2),
];

export class Settings {
  readonly #premises: Premises;
  #values: Values = base(0);

  constructor(premises: Premises) {
    this.#premises = premises;
  }

  /** The version as the admin interface shows it. */
  get idleTimeout(): string {
    return formatDuration(600_000 + this.#values.version * 1000);
  }

  get extras(): ReadonlySet<string> {
    return this.#values.extras;
  }

  /** Makes a random change; returns its description. */
  change(random: Random): string {
    this.#values.version += 1;
    return random.pick(CHANGES)(this.#values, random);
  }

  /** Restores the initial settings, except the version. */
  reset(): void {
    this.#values = base(this.#values.version + 1);
  }

  /** The text of the file. */
  text(): string {
    const { level, header, bufferSize, nodelay, limit, limitPerClient, watch, extras } = this.#values;
    const { workers, accessLog, certificate: { cert, key }, socketPath, upstream } = this.#premises;
    const entry = (name: string, listen: string, to: string, keys: readonly string[]) =>
      `  - { ${[`name: ${name}`, `listen: "${listen}"`, `upstream: "${to}"`, ...keys].join(", ")} }`;
    const service = (name: string, ...keys: string[]) => entry(name, "127.0.0.1:0", upstream(name), keys);
    const led = (name: string) => entry(name, "127.0.0.1:0", name, []);
    return `workers: ${workers}
log: { level: ${level}, format: json, access: { path: "${accessLog}", format: json } }
admin: { listen: "127.0.0.1:0" }
shutdown: { drain: 20s }
reload: { watch: ${watch} }
defaults: { buffer_size: ${bufferSize}, nodelay: ${nodelay}, idle_timeout: 10m, connect_timeout: 30s }
upstreams:
${this.#groups()}services:
${service("plain", `idle_timeout: ${this.idleTimeout}`)}
${service("tls", `tls: { cert: ${cert}, key: ${key}, handshake_timeout: 10s }`)}
${service("native", `tls: { cert: ${cert}, key: ${key}, handshake_timeout: 10s, engine: deno }`)}
${service("pass", "reset: pass")}
${led("trio")}
${led("warm")}
${led("reuse")}
${service("header", `send_proxy_protocol: ${header}`)}
${service("limited", `limits: { connections: ${limit}, connections_per_client: ${limitPerClient} }`)}
${entry("socket", `unix:${socketPath}`, upstream("socket"), [])}
${service("brief", `idle_timeout: ${BRIEF_IDLE}ms`)}
${[...extras].map((name) => `${entry(name, "127.0.0.1:0", upstream("extra"), [])}\n`).join("")}`;
  }

  /** The text of the file, with a mistake. */
  mistaken(random: Random): string {
    return random.pick(MISTAKES)(this.text());
  }

  #groups(): string {
    const { balance, weights, passive, checkEvery, maxIdle } = this.#values;
    const { upstream } = this.#premises;
    const members = MEMBERS.map((name, index) =>
      `{ address: "${upstream(name)}", weight: ${weights[index]} }`
    );
    return `  trio:
    balance: ${balance}
    endpoints: [${members.join(", ")}]
    retry: { attempts: 3 }
    health_check: { interval: ${checkEvery}ms, timeout: 2s, rise: 1, fall: 2 }
${passive ? "    passive: { failures: 3, window: 5s, eject: 1s }\n" : ""}  warm:
    endpoints: ["${upstream("warm")}"]
    pool: { mode: warm, max_idle: ${maxIdle}, max_idle_time: 2s }
  reuse:
    endpoints: ["${upstream("reuse")}"]
    pool: { mode: reuse, max_idle: ${maxIdle}, max_idle_time: 2s, quiet: 20ms, max_uses: 20 }
`;
  }
}

function base(version: number): Values {
  return {
    version,
    level: "info",
    balance: "round_robin",
    weights: [1, 1, 1],
    passive: false,
    checkEvery: 500,
    limit: 8,
    limitPerClient: 3,
    maxIdle: 4,
    header: "v2",
    bufferSize: "256KiB",
    nodelay: true,
    watch: false,
    extras: new Set(),
  };
}

function toggle(names: Set<string>, name: string): string {
  const wasThere = names.delete(name);
  if (!wasThere) names.add(name);
  return `${wasThere ? "without" : "with"} ${name}`;
}
