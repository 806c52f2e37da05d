/** Shared by the tests of `sluice top`: a state with figures, and the text of its screen. */

import type { ConnectionView, StatsEvent } from "../../../../src/admin/views.ts";
import { frame, type Size } from "../../../../src/cli/top/frame.ts";
import type { Key } from "../../../../src/cli/top/keys.ts";
import {
  initialState,
  type TopState,
  withReading,
  withRows,
  withStats,
} from "../../../../src/cli/top/state.ts";
import { aConnection, anUpstream, aService, aStatus } from "../../../support/peers/fake_admin.ts";

export const ORDER = { filter: "", sort: "bytes", isDescending: true } as const;

export function statsAt(seconds: number, changes: Partial<StatsEvent> = {}): StatsEvent {
  return {
    type: "stats",
    time: new Date(Date.UTC(2025, 0, 1, 1, 0, seconds)).toISOString(),
    status: aStatus(),
    services: [aService("mysql"), aService("redis")],
    upstreams: [anUpstream("db")],
    ...changes,
  };
}

/** The state after two readings a second apart; the list begins at its first connection. */
export function aState(
  connections: readonly ConnectionView[] = [1, 2, 3].map((id) => aConnection(id)),
): TopState {
  const busy = aService("mysql", {
    connections: { total: 145, active: 5, limit: 100, failed: 4, refused: 5 },
    bytes: { upload: 4096, download: 5 * 1024 ** 2 },
  });
  const first = withStats(initialState(ORDER), statsAt(0));
  const second = withStats(first, statsAt(1, { services: [busy, aService("redis")] }));
  const earlier = withReading(withRows(second, 10), readingOf(connections, 0));
  const moved = connections.map((connection) => ({
    ...connection,
    bytes: { ...connection.bytes, download: connection.bytes.download + 2048 },
  }));
  return withReading(earlier, readingOf(moved, 1000));
}

export function readingOf(connections: readonly ConnectionView[], at: number, matching = connections.length) {
  return { at, page: { total: matching, matching, connections } };
}

export function textOf(state: TopState, size: Size): string[] {
  return frame(state, size).map(({ text }) => text);
}

/** A key as the terminal reports it: a letter, or the name of a key that types nothing. */
export function key(name: string): Key {
  const text = Array.from(name).length === 1 ? name : undefined;
  return { name: name.toLowerCase(), text, isControl: false };
}

export function control(letter: string): Key {
  return { name: letter, text: String.fromCharCode(letter.charCodeAt(0) & 31), isControl: true };
}
