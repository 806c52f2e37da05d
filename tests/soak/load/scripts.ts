/** The behaviour of clients: one script for each kind of client. */

import { Buffer } from "node:buffer";
import { sleep } from "../clock.ts";
import type { Random } from "../../support/random.ts";
import { BRIEF_IDLE, EXTRAS, SERVICES } from "../changes/settings.ts";
import {
  encodeOrder,
  type Intake,
  LostError,
  RIGHT,
  sendPattern,
  type Verb,
  WrongBytesError,
} from "./talk.ts";
import type { Report } from "../changes/upstreams.ts";
import type { Wire } from "./wire.ts";

/** A client on its visit to a service. */
export interface Session {
  readonly visit: number;
  readonly service: string;
  readonly wire: Wire;
  readonly intake: Intake;
  readonly random: Random;
  /** Resolves after this many milliseconds, or when the load ends. */
  pause(milliseconds: number): Promise<void>;
  /** Resolves with the upstream's report about the next bytes. */
  reported(): Promise<Report>;
}

export interface Script {
  readonly name: string;
  /** How often it runs, in proportion to the others. */
  readonly weight: number;
  readonly services: readonly string[];
  /** Connects without TLS, even if the service requires it. */
  readonly isRaw?: boolean;
  play(session: Session): Promise<void>;
}

const WITHOUT = (...names: string[]) => [...SERVICES, ...EXTRAS].filter((name) => !names.includes(name));
/** Services without limits on what clients send, and for how long. */
const ANY = WITHOUT("limited", "brief");
/** Services in which a client's FIN reaches the upstream. */
const TO_THE_END = WITHOUT("limited", "brief", "reuse");
/** The time limit for an upstream that waits for a client's next bytes, in milliseconds. */
const MOMENT = 300;
/** An upstream has received everything within this time, in milliseconds. */
const REPORT_AFTER = 10_000;

/** Ends the visit in order: finishes, then waits until the other side has. */
async function leave({ wire, intake, random }: Session): Promise<void> {
  // Half of the clients just close, as many programs do.
  if (random.chance(0.5)) return;
  await wire.end();
  await intake.end();
}

async function order(session: Session, verb: Verb, size: number): Promise<number> {
  const { visit, wire, random } = session;
  const seed = random.integer(0, 1_000_000);
  await wire.write(encodeOrder({ visit, verb, seed, size }));
  return seed;
}

async function ask(session: Session, size: number, pace?: () => Promise<void>): Promise<void> {
  const seed = await order(session, "ASK", size);
  await session.intake.pattern(seed, size, pace);
}

async function short(session: Session): Promise<void> {
  await ask(session, session.random.size(1, 4000));
  await leave(session);
}

async function talk(session: Session): Promise<void> {
  const { random } = session;
  for (let left = random.integer(2, 15); left > 0; left--) {
    await ask(session, random.size(1, 50_000));
    await session.pause(random.integer(0, 60));
  }
  await leave(session);
}

async function longIdle(session: Session): Promise<void> {
  const { random } = session;
  for (let left = random.integer(1, 3); left > 0; left--) {
    await ask(session, 100);
    await session.pause(random.size(2000, 40_000));
  }
  await ask(session, 100);
  await leave(session);
}

async function bulkDown(session: Session): Promise<void> {
  await ask(session, session.random.size(200_000, 6_000_000));
  await leave(session);
}

async function bulkUp(session: Session): Promise<void> {
  const size = session.random.size(200_000, 6_000_000);
  const seed = await order(session, "TAKE", size);
  await sendPattern(session.wire, seed, size);
  const [answer] = await session.intake.bytes(1);
  if (answer !== RIGHT) throw new WrongBytesError("The upstream got other bytes");
  await leave(session);
}

async function slowReader(session: Session): Promise<void> {
  const { random } = session;
  await ask(session, random.size(500_000, 2_000_000), () => session.pause(random.integer(5, 60)));
  await leave(session);
}

async function finishesFirst(session: Session): Promise<void> {
  const { wire, intake, random } = session;
  const size = random.size(1, 200_000);
  const seed = await order(session, "LATE", size);
  await session.pause(random.integer(0, 50));
  await wire.end();
  await intake.pattern(seed, size);
  await intake.end();
}

async function finishesLast(session: Session): Promise<void> {
  const { wire, intake, random } = session;
  const size = random.size(1, 200_000);
  const reported = session.reported();
  const seed = await order(session, "FIRST", size);
  await intake.end();
  await session.pause(random.integer(0, 50));
  await sendPattern(wire, seed, size);
  await wire.end();
  const report = await Promise.race([reported, sleep(REPORT_AFTER, new AbortController().signal)]);
  if (report === "wrong") throw new WrongBytesError("The upstream got other bytes");
  if (report !== "right") {
    throw new LostError(`The upstream ${report === "lost" ? "has lost it" : "says nothing"}`);
  }
}

/** The upstream breaks the connection: the bytes before are right, and the connection ends. */
async function isBroken(session: Session): Promise<void> {
  const { intake, random, service } = session;
  const size = random.size(2, 300_000);
  const seed = await order(session, "BREAK", size);
  const before = intake.received;
  try {
    await intake.pattern(seed, size);
  } catch (error) {
    if (error instanceof WrongBytesError) throw error;
    if (error instanceof LostError && service === "pass") {
      throw new LostError("It ended in order where a reset was due");
    }
    return;
  }
  throw new WrongBytesError(`All ${size} bytes came, ${intake.received - before}, where half was sent`);
}

/** Breaks the connection at a random moment of another script. */
async function breaks(session: Session): Promise<void> {
  const { random, wire } = session;
  const { play } = random.pick(
    [short, talk, bulkDown, bulkUp, finishesFirst, silent].map((play) => ({ play })),
  );
  let isOver = false;
  const played = play(session).catch((error) => {
    if (!isOver || error instanceof WrongBytesError) throw error;
  });
  await Promise.race([played, session.pause(random.size(1, 400))]);
  isOver = true;
  wire.reset();
  await played;
}

async function silent(session: Session): Promise<void> {
  await session.pause(MOMENT);
}

/** Closes without sending anything. */
async function leavesAtOnce(session: Session): Promise<void> {
  if (session.random.chance(0.3)) await session.pause(session.random.integer(1, 20));
}

/** Sends nothing, no TLS, or only the beginning of a handshake, where TLS is expected. */
async function mute(session: Session): Promise<void> {
  const { random, wire } = session;
  const words = random.pick(["", "GET / HTTP/1.0\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00"]);
  if (words !== "") await wire.write(Buffer.from(words, "latin1"));
  // Stays until it is closed, or for a random time.
  const isPatient = random.chance(0.5);
  const answer = (async () => {
    while (await wire.read() !== null);
  })().catch(() => {});
  await (isPatient ? Promise.race([answer, session.pause(15_000)]) : session.pause(random.size(1, 1000)));
  if (random.chance(0.5)) wire.reset();
}

/** Connects to the service with a low limit, and stays. */
async function crowds(session: Session): Promise<void> {
  const { random } = session;
  await ask(session, 100);
  await session.pause(random.size(300, 3000));
  await ask(session, 100);
  await leave(session);
}

/** Sends something, then stays silent until the idle timeout. */
async function fallsSilent(session: Session): Promise<void> {
  const from = performance.now();
  await ask(session, 100);
  try {
    await session.intake.end();
  } catch (error) {
    // In whatever way it is closed.
    if (error instanceof WrongBytesError) throw error;
  }
  const after = performance.now() - from;
  if (after < BRIEF_IDLE || after > 15_000) {
    throw new LostError(`Closed as idle after ${Math.round(after)} ms`);
  }
}

export const SCRIPTS: readonly Script[] = [
  { name: "short", weight: 42, services: ANY, play: short },
  { name: "talk", weight: 14, services: ANY, play: talk },
  { name: "long idle", weight: 2, services: ANY, play: longIdle },
  { name: "bulk down", weight: 1.5, services: ANY, play: bulkDown },
  { name: "bulk up", weight: 1.5, services: ANY, play: bulkUp },
  { name: "slow reader", weight: 1, services: ANY, play: slowReader },
  { name: "finishes first", weight: 6, services: TO_THE_END, play: finishesFirst },
  { name: "finishes last", weight: 5, services: TO_THE_END, play: finishesLast },
  { name: "is broken", weight: 5, services: TO_THE_END, play: isBroken },
  { name: "breaks", weight: 8, services: ANY, play: breaks },
  { name: "leaves at once", weight: 4, services: ANY, play: leavesAtOnce },
  { name: "mute", weight: 3, services: ["tls", "native"], isRaw: true, play: mute },
  { name: "crowds", weight: 5, services: ["limited"], play: crowds },
  { name: "falls silent", weight: 2, services: ["brief"], play: fallsSilent },
];
