/** Clients that come, those that are relayed and those that have gone at once. */

import type { ConnectionPage } from "../../../src/admin/views.ts";
import { abort } from "../peers/abort.ts";
import type { Arrival } from "../peers/arrivals.ts";
import { connectClient, dialService } from "../peers/clients.ts";
import { End } from "../peers/end.ts";
import { Link } from "./link.ts";
import type { Scene } from "./scene.ts";
import { Fault } from "./waiting.ts";

/** Numbers connections over all sequences of this process: patterns, and addresses in PROXY headers. */
let connections = 0;

/** Resolves when it has reached its upstream. @throws {Fault} */
export async function open(
  scene: Scene,
  number: number,
  early: "nothing" | "finish" | "send",
): Promise<void> {
  const { row, address, arrivals, changes, fixture: { authorityText } } = scene.target;
  const id = ++connections;
  const isFramed = row.pool !== "none";
  const { conn, name } = await connectClient({ row, address, authority: authorityText, number: id })
    .catch((error) => {
      throw new Fault(`a client could not connect: ${error}`);
    });
  const client = new End(conn, { changes, id, sends: 2 * id, receives: 2 * id + 1, isFramed });
  const link = new Link(number, client, name);
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
    if (row.proxyOut !== "none" && arrival.client !== name) {
      throw new Fault(`the PROXY header to the upstream names ${arrival.client}, the client is ${name}`);
    }
  }
  // Later, one of several without an address could not be told from the others.
  if (name === undefined) await identify(scene, link);
}

/** The kernel takes them all, so all are counted, whatever becomes of them. */
export async function burst(scene: Scene, count: number): Promise<void> {
  const { fixture, name, address, arrivals } = scene.target;
  const before = (await fixture.figures()).of(name);
  for (let left = count; left > 0; left--) abort(await dialService(address));
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

/** Its number in sluice, once it is in this state; undefined when it may be over. @throws {Fault} */
export async function identify(scene: Scene, link: Link, state?: string): Promise<number | undefined> {
  const { fixture, name } = scene.target;
  let found: number | undefined;
  await scene.waiting.eventually(`connection ${link.number} in the list of the admin interface`, async () => {
    // It may be over, and then it is in no list.
    if (link.client.ending !== undefined || link.client.isGone || link.mayBeOver) return true;
    const { connections } = await fixture.admin.view<ConnectionPage>("connections?limit=1000");
    const known = scene.links.map(({ id }) => id);
    const own = connections.filter((each) => each.service === name);
    const it = own.find(({ client, id }) =>
      link.id === id ||
      (link.name === undefined ? link.id === undefined && !known.includes(id) : client === link.name)
    );
    found = it?.id;
    return it !== undefined && (state === undefined || it.state === state);
  });
  return link.id ??= found;
}
