/**
 * Answers checks of ACME servers over HTTP (http-01, RFC 8555 section 8.3), from the files of any proxy of the fleet.
 */

import { HttpServer } from "../../admin/http/http_server.ts";
import { acmeHttpAnswerFile } from "../../config/values/acme_files.ts";
import { type Address, formatAddress } from "../../net/address.ts";
import type { Log } from "../../observe/log/log.ts";
import { listenFor, type ListeningAdmin } from "../admin/listener.ts";
import { readIfThere } from "./storage.ts";

/** The most connections at the same time: servers check from a handful of places. */
const MAX_CONNECTIONS = 64;
/** How often deadlines of connections are checked, in milliseconds. */
const LOOK_EVERY = 1000;

const CHECK = /^(?:http:\/\/[^/]*)?\/\.well-known\/acme-challenge\/([A-Za-z0-9_-]{1,255})$/;

/** One address, and where its answers are. */
export class HttpAnswers implements AsyncDisposable {
  readonly address: Address;
  /** The folders with answers; a change applies to the next request. */
  storages: readonly string[];
  readonly #listening: ListeningAdmin;

  private constructor(listening: ListeningAdmin, storages: readonly string[]) {
    this.#listening = listening;
    this.address = listening.address;
    this.storages = storages;
  }

  /** @param key Of the configuration, for errors. @throws {AdminListenError} when the address cannot be bound. */
  static async listen(
    key: string,
    { address, storages, log, takesOver }: {
      readonly address: Address;
      /** Another sluice still listens there. */
      readonly takesOver: boolean;
      readonly storages: readonly string[];
      readonly log: Log;
    },
  ): Promise<HttpAnswers> {
    let answers: HttpAnswers | undefined = undefined;
    const what = `The listener for ACME on ${formatAddress(address)}`;
    const listening = await listenFor(key, { listen: address, log, what, takesOver }, () =>
      new HttpServer({
        answer: ({ method, target }) => answerTo(method, target, answers?.storages ?? storages),
        maxConnections: MAX_CONNECTIONS,
        now: () => performance.now(),
        lookEvery: LOOK_EVERY,
      }));
    return answers = new HttpAnswers(listening, storages);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listening.close();
  }
}

async function answerTo(method: string, target: string, storages: readonly string[]): Promise<Response> {
  const token = CHECK.exec(target)?.[1];
  if (token === undefined) return plain(404, "Only checks of ACME servers are answered here\n");
  if (method !== "GET" && method !== "HEAD") return plain(405, "Only GET and HEAD\n");
  for (const storage of storages) {
    const text = await readIfThere(acmeHttpAnswerFile(storage, token)).catch(() => undefined);
    if (text !== undefined) return plain(200, text, "application/octet-stream");
  }
  return plain(404, "No such check is in progress\n");
}

function plain(status: number, text: string, type = "text/plain"): Response {
  return new Response(text, { status, headers: { "content-type": type } });
}
