/** An agent of Consul in development mode, a server in memory, with access control. */

import { join } from "node:path";
import { eventually } from "../../support/eventually.ts";
import type { Needs } from "../../support/interop.ts";
import { freePort, Home } from "../../support/servers/server_home.ts";
import type { RunningServer } from "../../support/servers/server_process.ts";

export const CONSUL: Needs = { needs: ["consul"], install: "https://developer.hashicorp.com/consul/install" };

/** May do everything. */
const MANAGEMENT = "5c8b7b9e-3f0c-4d57-9d8f-2a1f4f6f9e01";

/** An instance of the service `db`, with a check that lasts. */
export interface Registration {
  readonly id: string;
  /** Of the instance: `127.0.0.1:5432`. */
  readonly at: string;
  readonly status: "passing" | "warning" | "critical";
  readonly weights?: { readonly Passing: number; readonly Warning: number };
}

export class ConsulAgent {
  readonly address: string;
  readonly #home: Home;
  #running: RunningServer | undefined;

  private constructor(home: Home, running: RunningServer) {
    this.#home = home;
    this.#running = running;
    this.address = `http://127.0.0.1:${running.port}`;
  }

  /** Starts one on free ports, and ends it with `stack`. Resolves when it answers. */
  static async start(stack: AsyncDisposableStack): Promise<ConsulAgent> {
    const home = stack.use(await Home.make("nobody"));
    const agent = new ConsulAgent(home, await home.start((port) => command(home, port)));
    stack.defer(() => agent.stop());
    await agent.#ready();
    return agent;
  }

  /** Ends it; it forgets everything. */
  async stop(): Promise<void> {
    await this.#running?.[Symbol.asyncDispose]();
    this.#running = undefined;
  }

  /** Starts it again, after {@linkcode stop}, at the same address. */
  async startAgain(): Promise<void> {
    const port = Number(new URL(this.address).port);
    this.#running = await this.#home.start(() => command(this.#home, port));
    await this.#ready();
  }

  /** @returns a token with these rules, which are HCL. */
  async tokenFor(Rules: string): Promise<string> {
    const Name = crypto.randomUUID();
    await this.#put("/v1/acl/policy", { Name, Rules });
    return JSON.parse(await this.#put("/v1/acl/token", { Policies: [{ Name }] })).SecretID;
  }

  async register({ id, at, status, weights }: Registration): Promise<void> {
    const { hostname, port } = new URL(`http://${at}`);
    await this.#put("/v1/agent/service/register", {
      ID: id,
      Name: "db",
      Address: hostname,
      Port: Number(port),
      Check: { TTL: "1h", Status: status },
      ...weights === undefined ? {} : { Weights: weights },
    });
  }

  deregister(id: string): Promise<unknown> {
    return this.#put(`/v1/agent/service/deregister/${id}`);
  }

  /** What the check of an instance says from now on. */
  judge(id: string, verdict: "pass" | "warn" | "fail"): Promise<unknown> {
    return this.#put(`/v1/agent/check/${verdict}/service:${id}`);
  }

  maintain(id: string, isEnabled: boolean): Promise<unknown> {
    return this.#put(`/v1/agent/service/maintenance/${id}?enable=${isEnabled}`);
  }

  async #put(path: string, body?: unknown): Promise<string> {
    const response = await fetch(`${this.address}${path}`, {
      method: "PUT",
      headers: { "X-Consul-Token": MANAGEMENT },
      ...body === undefined ? {} : { body: JSON.stringify(body) },
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
    return text;
  }

  /** It elects itself first, and knows its tokens after that. */
  async #ready(): Promise<void> {
    await eventually("a leader", async () => {
      const headers = { "X-Consul-Token": MANAGEMENT };
      const response = await fetch(`${this.address}/v1/health/service/consul?passing`, { headers });
      return await response.text();
    }, (text) => text.includes(`"serfHealth"`));
  }
}

function command(home: Home, port: number) {
  const path = join(home.path, "agent.json");
  Deno.writeTextFileSync(
    path,
    JSON.stringify({
      bind_addr: "127.0.0.1",
      disable_update_check: true,
      ports: {
        http: port,
        server: freePort(),
        serf_lan: freePort(),
        serf_wan: -1,
        dns: -1,
        grpc: -1,
        grpc_tls: -1,
      },
      acl: {
        enabled: true,
        default_policy: "deny",
        tokens: { initial_management: MANAGEMENT, agent: MANAGEMENT },
      },
    }),
  );
  return {
    program: "consul",
    args: ["agent", "-dev", `-config-file=${path}`],
    port,
    ready: /Consul agent running!/,
    stop: "SIGKILL" as const,
  };
}
