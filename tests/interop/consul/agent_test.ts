/** Endpoints from a real Consul: what docs/deploy/discovery.md says of its answers. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { startProxy } from "../../../src/runtime/start_proxy.ts";
import { eventually } from "../../support/eventually.ts";
import { interopTest } from "../../support/interop.ts";
import { answeringServer, NamedServer } from "../../support/peers/named_server.ts";
import { temporaryDirectory } from "../../support/program/directory.ts";
import { CONSUL, ConsulAgent } from "../servers/consul.ts";

/** What a token needs. */
const NODES = 'node_prefix "" { policy = "read" }\n';
const SERVICE = 'service "db" { policy = "read" }\n';

interopTest("sluice follows a service of a real Consul, through its restart too", CONSUL, async (stack) => {
  const [a, b] = [stack.use(await NamedServer.start("a")), stack.use(await NamedServer.start("b"))];
  const agent = await ConsulAgent.start(stack);
  const follower = await Follower.start(stack, agent);
  await agent.register({ id: "a", at: a.address, status: "passing", weights: { Passing: 3, Warning: 2 } });
  await follower.fails(/status 403: ACL not found/);
  await follower.replaceToken(await agent.tokenFor(NODES));
  await follower.fails(/the token may not see the instances of the service db/);
  await follower.replaceToken(await agent.tokenFor(NODES + SERVICE));
  await follower.finds(`${a.address} weight 3`);
  assert.equal(await answeringServer(follower.port), "a");
  await agent.judge("a", "warn");
  await follower.finds(`${a.address} weight 2`);
  await agent.register({ id: "b", at: b.address, status: "passing" });
  await follower.finds(`${a.address} weight 2`, `${b.address} weight 1`);
  await agent.judge("a", "fail");
  await follower.finds(`${b.address} weight 1`);
  assert.equal(await answeringServer(follower.port), "b");
  await agent.judge("a", "pass");
  await agent.maintain("b", true);
  await follower.finds(`${a.address} weight 3`, `${b.address} weight 1 drain`);
  assert.equal(await answeringServer(follower.port), "a");
  await agent.maintain("b", false);
  await agent.deregister("a");
  await follower.finds(`${b.address} weight 1`);

  await agent.stop();
  await follower.fails(/Consul at http/);
  await follower.finds(`${b.address} weight 1`);
  assert.equal(await answeringServer(follower.port), "b");
  // It has forgotten everything, and its index begins again.
  await agent.startAgain();
  await follower.replaceToken(await agent.tokenFor(NODES + SERVICE));
  await follower.finds();
  await agent.register({ id: "a", at: a.address, status: "passing" });
  await follower.finds(`${a.address} weight 1`);
});

/** A proxy of this process with a group of the service `db`. */
class Follower {
  readonly port: number;
  readonly #tokenFile: string;
  readonly #proxy: Awaited<ReturnType<typeof startProxy>>;

  private constructor(tokenFile: string, proxy: Awaited<ReturnType<typeof startProxy>>) {
    this.#tokenFile = tokenFile;
    this.#proxy = proxy;
    this.port = Number(proxy.services[0]!.listen[0]!.split(":")[1]);
  }

  /** With a token that Consul does not know. */
  static async start(stack: AsyncDisposableStack, { address }: ConsulAgent): Promise<Follower> {
    const folder = stack.use(await temporaryDirectory());
    const tokenFile = join(folder.path, "token");
    await Deno.writeTextFile(tokenFile, crypto.randomUUID());
    const proxy = await startProxy({
      upstreams: { db: { discovery: { consul: { service: "db", address, tokenFile } } } },
      services: [{ name: "db", listen: 0, upstream: "db" }],
    });
    return new Follower(tokenFile, stack.use(proxy));
  }

  replaceToken(token: string): Promise<void> {
    return Deno.writeTextFile(this.#tokenFile, `${token}\n`);
  }

  /** Resolves when these are the endpoints, in any order. */
  async finds(...expected: string[]): Promise<void> {
    const text = expected.toSorted().join();
    const read = () =>
      this.#group().endpoints.map(({ address, weight, admin }) =>
        `${address} weight ${weight}${admin === "up" ? "" : ` ${admin}`}`
      ).sort().join();
    await eventually(`the endpoints ${text}`, read, (found) => found === text);
  }

  async fails(pattern: RegExp): Promise<void> {
    const read = () => this.#group().discovery!.error ?? "";
    await eventually(`the failure ${pattern}`, read, (error) => pattern.test(error));
  }

  #group() {
    return this.#proxy.upstreams().find(({ name }) => name === "db")!;
  }
}
