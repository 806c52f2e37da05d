/**
 * Sends wrong bytes to a running program, which must keep running, end each connection in time, and serve the next
 * client.
 */

import { setImmediate } from "node:timers";
import { setTimeout as pause } from "node:timers/promises";
import type { ConnectionPage } from "../../../src/admin/views.ts";
import type { Random } from "../../support/random.ts";
import { mutate, split } from "./mutation.ts";
import { REQUESTS } from "./samples.ts";
import { type Reader, READERS, TIMEOUT, type WireFixture } from "./fixture.ts";

/** The number of connections at the same time. */
const BATCH = 24;
/** How late a connection may end after its timeout, in milliseconds: the machine may be busy. */
const LATE = 8000;
/** After this time beyond its timeout, checks whether an open connection is relayed, in milliseconds. */
const EARLY = 200;

export interface Shot {
  readonly to: string;
  readonly bytes: Uint8Array;
  readonly pieces: readonly Uint8Array[];
  /** Whether the client finishes sending, or waits. */
  readonly finishes: boolean;
}

/**
 * Runs a batch of connections with wrong bytes, a reload of a wrong configuration, then valid clients. @throws with the
 * fault.
 */
export async function fireBatch(fixture: WireFixture, random: Random): Promise<number> {
  const shots = Array.from({ length: BATCH }, () => shotOf(random));
  await Promise.all(shots.map((shot) => fire(fixture, shot)));
  await reloadWrong(fixture, random);
  for (const reader of READERS) {
    await fixture.serveGoodClient(reader).catch((error) => {
      throw new Error(
        `a client of "${reader.name}" that does all right: ${error}\n${shots.map(shotText).join("\n")}`,
      );
    });
  }
  if (fixture.alarms.length > 0) throw new Error(`${fixture.alarms[0]}\n${shots.map(shotText).join("\n")}`);
  return BATCH;
}

function shotOf(random: Random): Shot {
  const isRequest = random.chance(0.2);
  const { name, samples }: Pick<Reader, "name" | "samples"> = isRequest
    ? { name: "admin", samples: REQUESTS }
    : random.pick(READERS);
  const bytes = mutate(random.pick(samples), random, random.pick(samples));
  return { to: name, bytes, pieces: split(bytes, random), finishes: isRequest || random.chance(0.5) };
}

function shotText({ to, bytes, pieces, finishes }: Shot): string {
  const hex = bytes.byteLength > 600 ? `${bytes.subarray(0, 600).toHex()}…` : bytes.toHex();
  return `  ${to}, ${pieces.length} pieces${finishes ? ", FIN" : ""}: ${hex}`;
}

async function fire(fixture: WireFixture, shot: Shot): Promise<void> {
  const isRequest = shot.to === "admin";
  const conn = isRequest
    ? await Deno.connect({ hostname: "127.0.0.1", port: fixture.adminPort })
    : await fixture.connect(shot.to);
  const ended = readToEnd(conn);
  try {
    await send(conn, shot);
    const { port } = conn.localAddr;
    for (const began = performance.now();;) {
      if (await isOver(ended, TIMEOUT + EARLY)) return;
      // A stream of events, or a connection kept for the next request.
      if (isRequest) return;
      const state = await stateOf(fixture, port);
      // Bytes that were valid enough are relayed, and the connection waits for more.
      if (!shot.finishes && (state === undefined || state === "open")) return;
      if (performance.now() - began > TIMEOUT + LATE) {
        throw new Error(`still ${state ?? "there"} after ${(TIMEOUT + LATE) / 1000} s\n${shotText(shot)}`);
      }
    }
  } finally {
    conn.close();
    await ended;
  }
}

/** Whether the connection ends within this many milliseconds. */
async function isOver(ended: Promise<void>, milliseconds: number): Promise<boolean> {
  const stop = new AbortController();
  const late = pause(milliseconds, false, { signal: stop.signal }).catch(() => true);
  const isOver = await Promise.race([ended.then(() => true), late]);
  stop.abort();
  return isOver;
}

async function stateOf(fixture: WireFixture, port: number): Promise<string | undefined> {
  const { connections } = await fixture.admin.view<ConnectionPage>("connections?limit=1000");
  return connections.find(({ client, peer }) =>
    [client, peer].some((address) => address?.endsWith(`:${port}`))
  )?.state;
}

/** Sends each piece in a turn of its own, so that they do not all arrive in one read. */
async function send(conn: Deno.TcpConn, { pieces, finishes }: Shot): Promise<void> {
  try {
    for (const piece of pieces) {
      for (let at = 0; at < piece.byteLength;) at += await conn.write(piece.subarray(at));
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    if (finishes) await conn.closeWrite();
  } catch {
    // It was closed before everything was sent, which is an end.
  }
}

async function readToEnd(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(65_536);
  try {
    while (await conn.read(buffer) !== null);
  } catch {
    // A reset is also an end.
  }
}

/** A refused configuration changes nothing; an accepted one is replaced by the right one. */
async function reloadWrong(fixture: WireFixture, random: Random): Promise<void> {
  const right = new TextEncoder().encode(fixture.services);
  const wrong = mutate(right, random, right);
  const first = await fixture.reload(wrong);
  const text = new TextDecoder().decode(wrong);
  if (first.status !== 200 && first.status !== 422) {
    throw new Error(`POST /api/v1/reload: ${first.status} ${first.text}\n${text}`);
  }
  const { status, text: answer } = await fixture.reload(fixture.services);
  if (status !== 200) {
    throw new Error(`what is right is refused: ${status} ${answer}, after ${first.status} for\n${text}`);
  }
}
