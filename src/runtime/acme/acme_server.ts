/** One ACME server as certificate tasks use it: orders, and when it wants certificates renewed. */

import { type Issued, orderCertificate } from "../../acme/client.ts";
import { EcKey } from "../../acme/keys.ts";
import { askRenewalWindow, certificateId, type RenewalWindow } from "../../acme/renewal_info.ts";
import { AcmeTransport, type Fetch } from "../../acme/transport.ts";
import type { AcmeConfig } from "../../config/config.ts";
import { readTextFile } from "../../files/read_file.ts";
import { openHttpClient } from "../../net/http_client.ts";
import { messageOf } from "../../observe/log/error_text.ts";
import type { Log } from "../../observe/log/log.ts";
import type { Clock } from "./certificate_task.ts";
import type { AcmeStorage } from "./storage.ts";

/** Milliseconds until a server that did not answer is asked again about a renewal. */
const ASK_AGAIN_AFTER_FAILURE = 3_600_000;

/** Makes `fetch` for a server, and frees it. */
export type OpenFetch = (acme: Pick<AcmeConfig, "ca">) => Promise<Disposable & { readonly fetch: Fetch }>;

export interface OrderRequest {
  readonly acme: AcmeConfig;
  readonly storage: AcmeStorage;
  /** The certificate in use, as PEM, if the new one is for the same names. */
  readonly replaces: string | undefined;
  readonly signal: AbortSignal;
}

/** What is known of the certificate in use. */
interface Renewal {
  readonly cert: string;
  readonly fraction: number;
  window: RenewalWindow | undefined;
  askAt: number;
}

/** One for each task. */
export class AcmeServer {
  readonly #acme: AcmeConfig;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #open: OpenFetch;
  #renewal: Renewal | undefined;

  constructor(
    { acme, log, clock, open = openFetch }: {
      readonly acme: AcmeConfig;
      readonly log: Log;
      readonly clock: Clock;
      readonly open?: OpenFetch;
    },
  ) {
    this.#acme = acme;
    this.#log = log;
    this.#clock = clock;
    this.#open = open;
  }

  /** Chance, from 0 to 1, always the same for a certificate. */
  fractionOf(cert: string): number {
    return this.#of(cert).fraction;
  }

  /** @throws {AcmeError} */
  async order({ acme, storage, replaces, signal }: OrderRequest): Promise<Issued> {
    const { now, sleep } = this.#clock;
    using opened = await this.#open(acme);
    const key = await storage.accountKey((pause) => sleep(pause, signal));
    return await orderCertificate({
      directory: acme.directory,
      names: acme.names,
      email: acme.email,
      externalAccount: acme.externalAccount,
      profile: acme.profile,
      challenge: acme.http === undefined ? "tls-alpn-01" : "http-01",
      replaces: replaces && certificateId(replaces),
    }, { fetch: opened.fetch, key, answers: storage, signal, now, sleep });
  }

  /** When the server wants a certificate renewed; undefined when it does not say, or cannot be asked now. */
  async renewalWindow(cert: string, signal: AbortSignal): Promise<RenewalWindow | undefined> {
    const renewal = this.#of(cert);
    const { now } = this.#clock;
    if (renewal.askAt > now()) return renewal.window;
    try {
      const id = certificateId(cert);
      using opened = await this.#open(this.#acme);
      const transport = new AcmeTransport({ fetch: opened.fetch, key: await EcKey.generate(), signal, now });
      renewal.window = id && await askRenewalWindow(this.#acme.directory, id, { transport, now }) ||
        undefined;
      renewal.askAt = renewal.window?.askAgainAt ?? Infinity;
    } catch (error) {
      signal.throwIfAborted();
      renewal.askAt = now() + ASK_AGAIN_AFTER_FAILURE;
      this.#log.info(`Cannot ask when to renew the certificate for ${this.#acme.names.join(", ")}`, {
        event: "acme_renewal_unknown",
        names: this.#acme.names.join(" "),
        detail: messageOf(error),
      });
    }
    return renewal.window;
  }

  #of(cert: string): Renewal {
    if (this.#renewal?.cert !== cert) {
      this.#renewal = { cert, fraction: this.#clock.random(), window: undefined, askAt: 0 };
    }
    return this.#renewal;
  }
}

/** With connections of its own, which are closed afterwards. */
export async function openFetch({ ca }: Pick<AcmeConfig, "ca">): ReturnType<OpenFetch> {
  return openHttpClient({ ca: ca && await readTextFile(ca) });
}
