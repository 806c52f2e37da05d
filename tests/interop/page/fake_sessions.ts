/** The open connections of fake_backend.ts: tick() makes bytes flow, and connections end and begin. */

import type { ConnectionQuery, ConnectionView } from "../../../src/admin/views.ts";
import { SERVICES, type ServiceSketch, UPSTREAMS } from "./fake_profiles.ts";

interface Session {
  readonly view: ConnectionView;
  readonly sketch: ServiceSketch;
  readonly openedAt: number;
  /** Its traffic, relative to other connections of its service. */
  readonly eagerness: number;
  bytes: { upload: number; download: number };
}

/** Receives the connections that begin and end. */
export interface SessionListener {
  onOpened(connection: ConnectionView): void;
  onClosed(connection: ConnectionView, reason: string): void;
}

export class FakeSessions {
  readonly #sessions = new Map<number, Session>();
  readonly #listener: SessionListener;
  #now: number;
  #lastId = 1_438_433;
  #random = 20_260_301;

  constructor(connections: number, now: number, listener: SessionListener) {
    this.#now = now;
    this.#listener = listener;
    for (const sketch of SERVICES) {
      for (let index = 0; index < connections * sketch.share; index += 1) {
        // Most are young, some are from last week.
        this.#add(sketch, now - 900_000 * (1 / (this.#draw() + 0.001) - 0.99));
      }
    }
    for (const session of this.#sessions.values()) {
      this.#flow(session, session.eagerness * (now - session.openedAt) / 20);
    }
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** The number of connections to an endpoint of a group. */
  activeAt(upstream: string, endpoint: string): number {
    return this.#count(({ view }) => view.upstream === upstream && view.endpoint === endpoint);
  }

  activeOf(service: string): number {
    return this.#count(({ view }) => view.service === service);
  }

  /** Lets time pass, and returns the bytes of each service in that time. */
  tick(seconds: number): Map<string, { upload: number; download: number }> {
    this.#now += seconds * 1000;
    return new Map(SERVICES.map((sketch) => [sketch.name, this.#tickService(sketch, seconds)]));
  }

  close(id: number, reason: string): boolean {
    const session = this.#sessions.get(id);
    if (session === undefined) return false;
    this.#sessions.delete(id);
    this.#listener.onClosed(this.#view(session), reason);
    return true;
  }

  page({ filter, sort, isDescending, offset, limit }: ConnectionQuery): {
    matching: number;
    connections: ConnectionView[];
  } {
    const text = filter.toLowerCase();
    const matching = [...this.#sessions.values()].filter(({ view }) =>
      [view.service, view.client, view.sni, view.upstream, view.endpoint]
        .some((value) => value?.toLowerCase().includes(text))
    );
    const keyOf = ({ view, openedAt, bytes }: Session): number | string =>
      sort === "age" ? -openedAt : sort === "bytes" ? bytes.upload + bytes.download : view[sort] ?? "";
    const sign = isDescending ? -1 : 1;
    matching.sort((a, b) => sign * (keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : 0));
    const connections = matching.slice(offset, offset + limit).map((session) => this.#view(session));
    return { matching: matching.length, connections };
  }

  #tickService(sketch: ServiceSketch, seconds: number): { upload: number; download: number } {
    const sessions = [...this.#sessions.values()].filter((session) => session.sketch === sketch);
    const wave = 0.6 + 0.4 * Math.sin(this.#now / sketch.rhythm) + 0.4 * (this.#draw() - 0.5);
    const all = sessions.reduce((sum, { eagerness }) => sum + eagerness, 0);
    const sum = { upload: 0, download: 0 };
    for (const session of sessions) {
      const { upload, download } = this.#flow(
        session,
        sketch.rate * seconds * Math.max(0, wave) * session.eagerness / all,
      );
      sum.upload += upload;
      sum.download += download;
    }
    for (let left = sketch.churn * seconds; left > this.#draw() && sessions.length > 0; left -= 1) {
      const [session] = sessions.splice(Math.floor(this.#draw() * sessions.length), 1);
      this.close(session!.view.id, "client_closed");
      this.#listener.onOpened(this.#add(sketch, this.#now));
    }
    return sum;
  }

  #flow(session: Session, bytes: number): { upload: number; download: number } {
    const upload = Math.round(bytes * session.sketch.upload);
    const download = Math.round(bytes) - upload;
    session.bytes = { upload: session.bytes.upload + upload, download: session.bytes.download + download };
    return { upload, download };
  }

  #add(sketch: ServiceSketch, openedAt: number): ConnectionView {
    const id = this.#lastId += 1;
    const group = UPSTREAMS.find(({ name }) => name === sketch.upstreams.at(-1))!;
    const usable = group.endpoints.filter(({ state, backup }) => state !== "down" && !backup);
    const isTls = sketch.tls !== null;
    const view: ConnectionView = {
      id,
      service: sketch.name,
      state: "open",
      client: `10.${this.#below(4)}.${this.#below(30)}.${1 + this.#below(254)}:${
        32_768 + this.#below(28_000)
      }`,
      peer: null,
      listener: sketch.listen[0]!,
      sni: isTls ? "mail.example.com" : null,
      alpn: null,
      tls_version: isTls ? "TLSv1.3" : null,
      client_subject: null,
      upstream: group.name,
      endpoint: usable[this.#below(usable.length)]!.address,
      address: null,
      attempts: 1,
      faults: [],
      opened_at: new Date(openedAt).toISOString(),
      age_ms: 0,
      bytes: { upload: 0, download: 0 },
    };
    this.#sessions.set(id, { view, sketch, openedAt, eagerness: this.#draw() ** 8, bytes: view.bytes });
    return view;
  }

  #view({ view, openedAt, bytes }: Session): ConnectionView {
    return { ...view, age_ms: this.#now - openedAt, bytes };
  }

  #count(fits: (session: Session) => boolean): number {
    let count = 0;
    for (const session of this.#sessions.values()) if (fits(session)) count += 1;
    return count;
  }

  /** From 0 to 1, the same in each run (a linear congruential generator). */
  #draw(): number {
    this.#random = (this.#random * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return this.#random / 2 ** 32;
  }

  #below(limit: number): number {
    return Math.floor(this.#draw() * limit);
  }
}
