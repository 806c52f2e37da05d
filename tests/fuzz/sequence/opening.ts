/** Opens connections of clients: relayed ones, and those that close at once. */

import type { ConnectionPage } from "../../../src/admin/views.ts";
import { abort } from "../peers/abort.ts";
import type { Arrival } from "../peers/arrivals.ts";
import { connectClient, dialService } from "../peers/clients.ts";
import { End } from "../peers/end.ts";
import { Link } from "./link.ts";
import type { Scene } from "./scene.ts";
import { Fault } from "./waiting.ts";
import type { FaultBody } from "../faults.ts";

/** Numbers connections over all sequences of this process: patterns, and addresses in PROXY headers. */
let connections = 0;

/** Resolves when it has reached its upstream. @throws {Fault} */
export async function open(
  scene: Scene,
  number: number,
  early: "nothing" | "finish" | "send",
  doom?: FaultBody,
): Promise<void> {
  const { row, addresses, arrivals, changes, fixture: { premises } } = scene.target;
  const id = ++connections;
  const address = addresses[id % addresses.length]!;
  // Its first frame names the client.
  if (row.pool !== "none") await scene.faults.lift();
  if (doom !== undefined) {
    // Upstreams of a pool must be able to read the frames.
    const direction = row.pool === "none" ? undefined : { direction: "download" };
    await scene.faults.add({ ...doom, ...direction, first: 1 }, 1);
  }
  const isFramed = row.pool !== "none";
  const { conn, name } = await connectClient({ row, address, premises, number: id })
    .catch((error) => {
      throw new Fault(`a client could not connect: ${error}`);
    });
  const client = new End(conn, { changes, id, sends: 2 * id, receives: 2 * id + 1, isFramed });
  const link = new Link(number, client, name);
  if (doom !== undefined) link.doom = doom.type;
  else if (row.share === "moving") link.doom = "moved";
  const makeUpstream = ({ conn, endpoint }: Arrival) => {
    link.endpoint = endpoint;
    return link.upstream = new End(conn, {
      changes,
      id,
      sends: 2 * id + 1,
      receives: 2 * id,
      isFramed: false,
    });
  };
  if (isFramed) arrivals.expect(id, makeUpstream);
  scene.links.push(link);
  void client.read();
  if (isFramed) client.send(0);
  if (early === "finish") link.finish("client");
  if (early === "send") client.send(1000);
  await scene.waiting.until(
    `connection ${number} to reach its upstream`,
    () => link.upstream !== undefined || arrivals.hasWaiting,
  );
  if (!isFramed) {
    const arrival = arrivals.take()!;
    void makeUpstream(arrival).read();
    if (row.listen === "range" && arrival.endpoint !== addresses.indexOf(address)) {
      throw new Fault(
        `a client of port ${addresses.indexOf(address)} of the range came to port ${arrival.endpoint}`,
      );
    }
    if (row.proxyOut !== "none" && arrival.client !== name) {
      throw new Fault(`the PROXY header to the upstream names ${arrival.client}, the client is ${name}`);
    }
  }
  // Later, several clients without addresses could not be distinguished.
  if (name === undefined) await identify(scene, link);
}

/** The kernel accepts all of them, so all are counted, whatever happens to them. */
export async function burst(scene: Scene, count: number): Promise<void> {
  const { fixture, name, addresses: [address], arrivals } = scene.target;
  const before = (await fixture.figures()).of(name);
  for (let left = count; left > 0; left--) abort(await dialService(address!));
  scene.strays += count;
  scene.mayFail = true;
  let now = before;
  await scene.waiting.eventually(
    () =>
      `${count} clients that reset at once to be counted; ${now.total - before.total} are, ` +
      `${now.refused + now.failed + now.closed - before.refused - before.failed - before.closed} have ended`,
    async () => {
      now = (await fixture.figures()).of(name);
      return now.total - before.total >= count && now.active <= before.active;
    },
  );
  await arrivals.flush();
}

/** A fault resets this many clients before they reach an upstream. @throws {Fault} */
export async function refuse(scene: Scene, count: number): Promise<void> {
  const { addresses: [address], arrivals } = scene.target;
  await scene.faults.add({ type: "refuse", first: count }, count);
  scene.strays += count;
  const ends = Array.from({ length: count }, async () => {
    try {
      using conn = await dialService(address!);
      if (await conn.read(new Uint8Array(1)) !== null) throw new Fault("a refused client got bytes");
    } catch (error) {
      // The reset may arrive before the connect has returned.
      if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
    }
  });
  let areOver = false;
  const over = Promise.all(ends).then(() => areOver = true);
  await Promise.race([
    over,
    scene.waiting.eventually("refused clients to be reset", () => Promise.resolve(areOver)),
  ]);
  if (arrivals.hasWaiting) throw new Fault("a refused client has reached an upstream");
}

/** Waits for this state; resolves with the id in sluice, or undefined if it may have ended. @throws {Fault} */
export async function identify(scene: Scene, link: Link, state?: string): Promise<number | undefined> {
  const { fixture, name } = scene.target;
  let found: number | undefined;
  await scene.waiting.eventually(`connection ${link.number} in the list of the admin interface`, async () => {
    // It may have ended, and then no list has it.
    if (link.client.ending !== undefined || link.client.isClosed) return true;
    if (link.isBroken) return true;
    const { connections } = await fixture.admin.view<ConnectionPage>("connections?limit=1000");
    const known = scene.links.map(({ id }) => id);
    const own = connections.filter((each) => each.service === name);
    const it = own.find(({ client, id }) =>
      link.id === id ||
      (link.name === undefined ? link.id === undefined && !known.includes(id) : client === link.name)
    );
    found = it?.id;
    return it === undefined ? link.mayBeOver : state === undefined || it.state === state;
  });
  return link.id ??= found;
}
