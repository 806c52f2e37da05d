/** dnsmasq as a name server whose records change while it runs. */

import { join } from "node:path";
import type { TcpAddress } from "../../../src/net/address.ts";
import { Home } from "./server_home.ts";
import type { RunningServer, ServerCommand } from "./server_process.ts";

export const DNSMASQ = { needs: ["dnsmasq"], install: "apt-get install dnsmasq-base" };

const CONFIG = "dnsmasq.conf";
const HOSTS = "hosts";
const PID = "dnsmasq.pid";

/** What it answers; other names under `test` do not exist. */
export interface Zone {
  /** Addresses by name. */
  readonly hosts: Readonly<Record<string, readonly string[]>>;
  readonly services?: readonly Service[];
  /** Names by their other names. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** Of every answer, in seconds. */
  readonly ttl: number;
}

export interface Service {
  readonly name: string;
  /** Empty for a service that there is not (RFC 2782). */
  readonly target: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

export class DnsServer implements AsyncDisposable {
  readonly #home: Home;
  #running: RunningServer;

  private constructor(home: Home, running: RunningServer) {
    this.#home = home;
    this.#running = running;
  }

  /** Starts it in a home of its own on `stack`, on a free port of 127.0.0.1. */
  static async start(stack: AsyncDisposableStack, zone: Zone): Promise<DnsServer> {
    const home = stack.use(await Home.make("dnsmasq"));
    const running = await home.start((port) => command(home, zone, port));
    return stack.use(new DnsServer(home, running));
  }

  get address(): TcpAddress {
    return { transport: "tcp", hostname: "127.0.0.1", port: this.#running.port };
  }

  /** Other addresses, which it reads while it goes on. */
  setHosts(hosts: Zone["hosts"]): void {
    writeHosts(this.#home, hosts);
    Deno.kill(Number(Deno.readTextFileSync(join(this.#home.path, PID))), "SIGHUP");
  }

  async stop(): Promise<void> {
    await this.#running[Symbol.asyncDispose]();
  }

  /** Starts it again, after {@linkcode stop}, where it was. */
  async startAgain(zone: Zone): Promise<void> {
    const { port } = this.#running;
    this.#running = await this.#home.start(() => command(this.#home, zone, port));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

function command(home: Home, zone: Zone, port: number): ServerCommand {
  const lines = [
    "keep-in-foreground",
    "log-facility=-",
    "no-resolv",
    "no-hosts",
    "bind-interfaces",
    "listen-address=127.0.0.1",
    "local=/test/",
    `port=${port}`,
    `pid-file=${join(home.path, PID)}`,
    `addn-hosts=${join(home.path, HOSTS)}`,
    `local-ttl=${zone.ttl}`,
    ...Object.entries(zone.aliases ?? {}).map(([alias, name]) => `cname=${alias},${name}`),
    ...(zone.services ?? []).map(serviceLine),
  ];
  Deno.writeTextFileSync(join(home.path, CONFIG), lines.map((line) => `${line}\n`).join(""));
  writeHosts(home, zone.hosts);
  return {
    program: "dnsmasq",
    args: [`--conf-file=${join(home.path, CONFIG)}`],
    port,
    ready: /started, version/,
    stop: "SIGTERM",
  };
}

function serviceLine({ name, target, port, priority, weight }: Service): string {
  return target === "" ? `srv-host=${name}` : `srv-host=${name},${target},${port},${priority},${weight}`;
}

function writeHosts(home: Home, hosts: Zone["hosts"]): void {
  const lines = Object.entries(hosts).flatMap(([name, all]) => all.map((address) => `${address} ${name}\n`));
  Deno.writeTextFileSync(join(home.path, HOSTS), lines.join(""));
}
