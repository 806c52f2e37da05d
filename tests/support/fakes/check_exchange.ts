/** Lets a health check converse with an endpoint whose answers the test has. */

import type { HealthCheckConfig } from "../../../src/config/config.ts";
import { decodeConfig } from "../../../src/config/decode.ts";
import { Exchange } from "../../../src/upstream/health/exchange.ts";
import { conversationOf } from "../../../src/upstream/health/kinds/registry.ts";
import { FakeConn } from "./fake_conn.ts";

/** A check as a file has it. */
export function checkOf(written: object): HealthCheckConfig {
  const upstreams = { group: { endpoints: ["db:1"], health_check: written } };
  const services = [{ name: "test", listen: 0, upstream: "group" }];
  return decodeConfig({ upstreams, services }).upstreams[0]!.healthCheck!;
}

export interface Conversed {
  /** `good: answered "+PONG"`; `late: no answer within 2s` if it still waited. */
  readonly result: string;
  /** What the check has sent. */
  readonly sent: string;
}

/** @param answers What the endpoint sends, in pieces; each character is a byte. `null` is its end. */
export async function converse(written: object, answers: readonly (string | null)[]): Promise<Conversed> {
  const check = checkOf(written);
  const conn = new FakeConn();
  const exchange = new Exchange(conn, { timeout: check.timeout, authority: "db:1" });
  for (const answer of answers) {
    conn.arrive(answer === null ? "end" : Uint8Array.from(answer, (character) => character.charCodeAt(0)));
  }
  const verdict = conversationOf(check).converse(exchange).then(({ outcome, cause }) =>
    `${outcome}: ${cause}`
  );
  const waiting = new Promise<string>((resolve) => setTimeout(() => resolve(`late: ${exchange.late}`), 0));
  const result = await Promise.race([verdict, waiting]);
  conn.close();
  await Promise.allSettled([verdict, waiting]);
  return { result, sent: conn.written };
}

/** The same answer in one piece, in single bytes, and in two pieces. */
export function splits(answer: string): string[][] {
  return [[answer], [...answer], [answer.slice(0, answer.length / 2), answer.slice(answer.length / 2)]]
    .map((pieces) => pieces.filter((piece) => piece !== ""));
}
