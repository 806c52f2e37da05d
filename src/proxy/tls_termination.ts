/** TLS with the clients of a service: certificates and handshakes. */

import type { ServiceConfig, TlsConfig } from "../config/config.ts";
import { mapInSteps, type Steps } from "../config/input/steps.ts";
import { acmeChallengeFolder } from "../config/values/acme_files.ts";
import { ProxyError } from "../net/errors.ts";
import type { Conn } from "../net/socket/conn.ts";
import { type AcmeAnswers, isAcmeCheck } from "../net/tls/acme/answers.ts";
import type { TlsIdentity } from "../net/tls/credentials.ts";
import { DenoTlsConn, type TlsListenOptions } from "../net/tls/listener.ts";
import { ReadAheadConn } from "../net/socket/read_ahead_conn.ts";
import { PendingHandshakes } from "../net/tls/pending.ts";
import { type TlsFacts, TlsServer, type TlsServerOptions } from "../net/tls/server.ts";
import { Deadlines } from "../net/timers/timeouts.ts";
import { acceptTls, type Asked, declineTls, MAX_BEFORE_TLS } from "../net/tls/starttls.ts";
import { startTlsOf, type StartTlsProtocol } from "../wire/starttls/registry.ts";
import type { AcceptOptions } from "../wire/starttls/starttls.ts";
import type { ClientFacts } from "./client_facts.ts";

/** The most concurrent handshakes of a service; one more ends the oldest, which is most likely a silent client. */
const MAX_PENDING = 1024;

/** The content of the files of one `tls`. */
export interface TlsMaterial {
  /** The first is for clients without a name, or with another one. None while the first one is still being ordered. */
  readonly certificates: readonly TlsIdentity[];
  /** The authorities for certificates of clients, as PEM. */
  readonly clientAuthorities: readonly string[];
  /** Lists of revoked certificates of clients, as DER; undefined does not check for them. */
  readonly revocationLists: readonly Uint8Array[] | undefined;
}

/** A client after its handshake; without facts, one with which no TLS has ended here. */
export interface Secured {
  readonly conn: Conn;
  readonly facts: TlsFacts | undefined;
  /** It has asked for TLS in its protocol, and sluice has agreed. */
  readonly hasAsked?: boolean;
}

/** What comes before the bytes that are relayed. */
export interface Terminator {
  /** How long it may take. */
  readonly deadlines: Deadlines;
  /** The protocol that clients begin in. */
  readonly starttls?: StartTlsProtocol | undefined;
  /** Shakes hands with a client; closes its connection when that fails. @throws {ProxyError} or the signal's reason. */
  terminate(client: Conn, signal: AbortSignal): Promise<Secured>;
}

/** The content of the files of a service, and of each of its routes, by index. */
export interface ServiceTlsMaterial {
  readonly own: TlsMaterial | undefined;
  readonly routes: readonly (TlsMaterial | undefined)[];
}

/** TLS with the clients of a service, and of its routes. */
export class ServiceTls {
  readonly #pending: PendingHandshakes;
  readonly #own: TlsTermination | undefined;
  readonly #routes: PartsByRoute["routes"];
  readonly #isByRoute: boolean;
  readonly #none: Terminator | undefined;
  readonly #asked: Terminator | undefined;
  /** Those by route that ACME servers check over TLS. */
  readonly #checked: readonly TlsTermination[];

  private constructor(config: TlsOfService, own: TlsTermination | undefined, parts: PartsByRoute) {
    this.#pending = parts.pending;
    this.#own = own;
    this.#routes = parts.routes;
    this.#isByRoute = parts.routes.some((each) => each !== undefined);
    this.#none = declinedTls(config);
    this.#asked = askedForTls(config);
    const all = this.#isByRoute ? [this.#own, ...this.#routes] : [];
    this.#checked = all.filter((each) => each instanceof TlsTermination).filter(({ isChecked }) => isChecked);
  }

  /** Makes it, a route per step. */
  static *of(config: TlsOfService, material: ServiceTlsMaterial | undefined): Steps<ServiceTls> {
    const { tls } = config;
    const pending = new PendingHandshakes(MAX_PENDING);
    const own = tls && new TlsTermination(tls, requiredMaterial(material?.own), pending);
    const routes = yield* mapInSteps(
      config.routes,
      ({ tls }, index) => tls && new TlsTermination(tls, requiredMaterial(material?.routes[index]), pending),
    );
    return new ServiceTls(config, own, { routes, pending });
  }

  /** For all clients before they are routed; undefined where routes say more about it. */
  get beforeRoute(): Terminator | undefined {
    return this.#asked ?? (this.#isByRoute ? undefined : this.#own ?? this.#none);
  }

  /** For the clients of a route, or for those that match none, after they are routed. */
  afterRoute(route: number | undefined): Terminator | undefined {
    if (!this.#isByRoute) return undefined;
    const ofRoute = (route === undefined ? undefined : this.#routes[route]) ?? this.#own;
    return ofRoute || this.#none;
  }

  /**
   * Answers a client that is an ACME server and checks a name, whatever route it would take; undefined for others. A
   * PROXY header alone does not make it one: the handshake could be that of any client.
   */
  answering({ hello }: Pick<ClientFacts, "hello">): Terminator | undefined {
    if (hello === undefined || !isAcmeCheck(hello)) return undefined;
    return this.#checked.find((each) => each.orders(hello.serverName));
  }

  /** Whether clients can turn out to be ACME servers when they have sent their ClientHello, whatever their route is. */
  get answersChecks(): boolean {
    return this.#checked.length > 0;
  }

  /**
   * Whether a client may be an ACME server, so that its ClientHello must be read before it goes to `target`. Clients of
   * a route without TLS here need not wait for bytes that may never come, unless their PROXY header has the name of an
   * ordered certificate.
   */
  awaitsCheck(
    { awaitsHello, serverName }: Pick<ClientFacts, "awaitsHello" | "serverName">,
    target: { readonly tls: Terminator | undefined } | undefined,
  ): boolean {
    if (!awaitsHello || !this.answersChecks) return false;
    if (serverName !== undefined) return this.#checked.some((each) => each.orders(serverName.toLowerCase()));
    return target === undefined || target.tls instanceof TlsTermination && target.tls.starttls === undefined;
  }

  /** New handshakes use these files; open connections stay. */
  update({ own, routes }: ServiceTlsMaterial): void {
    this.#own?.update(requiredMaterial(own));
    for (const [index, each] of this.#routes.entries()) {
      if (each) each.update(requiredMaterial(routes[index]));
    }
  }

  restTimers(): void {
    for (const each of [this.#own, ...this.#routes, this.#none, this.#asked]) if (each) each.deadlines.rest();
  }
}

interface PartsByRoute {
  readonly routes: readonly (TlsTermination | false | undefined)[];
  readonly pending: PendingHandshakes;
}

type TlsOfService = Pick<ServiceConfig, "tls" | "upstreamTls" | "idleTimeout" | "peek"> & {
  readonly routes: readonly Pick<ServiceConfig["routes"][number], "tls">[];
};

/** TLS must not start without its certificates. */
export function requiredMaterial<Material>(material: Material | undefined): Material {
  if (material === undefined) throw new TypeError("Certificates are missing in the plan of a thread");
  return material;
}

/** TLS with clients that get one of the same certificates. */
class TlsTermination implements Terminator {
  readonly deadlines: Deadlines;
  readonly #config: TlsConfig;
  readonly #pending: PendingHandshakes;
  readonly #server: TlsServer;
  #accept: AcceptOptions;

  constructor(config: TlsConfig, material: TlsMaterial, pending: PendingHandshakes) {
    this.deadlines = new Deadlines(
      config.handshakeTimeout,
      () => new ProxyError("tls_handshake_timeout", "client"),
    );
    this.#config = config;
    this.#pending = pending;
    this.#server = new TlsServer(optionsOf(config, material), pending);
    this.#accept = acceptOptionsOf(config, material);
  }

  get starttls(): StartTlsProtocol | undefined {
    return this.#config.starttls;
  }

  /** Whether it orders certificates, and is checked over TLS. */
  get isChecked(): boolean {
    return acmeAnswersOf(this.#config) !== undefined;
  }

  /** Whether it orders a certificate for this name, and is checked over TLS. */
  orders(name: string | undefined): boolean {
    return name !== undefined && acmeAnswersOf(this.#config)?.names.includes(name) === true;
  }

  /** New handshakes use these options; open connections stay. */
  update(material: TlsMaterial): void {
    this.#server.update(optionsOf(this.#config, material));
    this.#accept = acceptOptionsOf(this.#config, material);
  }

  terminate(client: Conn, signal: AbortSignal): Promise<Secured> {
    const { starttls } = this.#config;
    if (starttls !== undefined) return this.#startTls(client, starttls, signal);
    return client instanceof DenoTlsConn
      ? client.handshake(this.#pending, signal)
      : this.#server.terminate(client, signal);
  }

  async #startTls(client: Conn, protocol: StartTlsProtocol, signal: AbortSignal): Promise<Secured> {
    const conn = new ReadAheadConn(client, MAX_BEFORE_TLS);
    const asked = await this.#begins(conn, protocol, signal);
    return asked === "plain" ? { conn, facts: undefined } : await this.#server.terminate(conn, signal);
  }

  /** A client that has not asked yet counts as a handshake in progress. */
  async #begins(conn: ReadAheadConn, protocol: StartTlsProtocol, signal: AbortSignal): Promise<Asked> {
    const evicted = new AbortController();
    using _pending = this.#pending.enter((reason) => evicted.abort(reason));
    return await acceptTls(conn, protocol, this.#accept, AbortSignal.any([signal, evicted.signal]));
  }
}

function acceptOptionsOf({ required, acme }: TlsConfig, { certificates }: TlsMaterial): AcceptOptions {
  const names = acme?.names ?? certificates.flatMap(({ names }) => names);
  const name = names.find((each) => !each.startsWith("*"));
  return { required: required !== false, name: name ?? "localhost" };
}

/**
 * Where only upstreams have TLS, clients may ask for it too. sluice answers that there is none: their request would
 * reach the upstream inside TLS. Undefined for protocols in which the upstream itself says so.
 */
function declinedTls({ upstreamTls, idleTimeout }: TlsOfService): Terminator | undefined {
  const protocol = upstreamTls?.starttls;
  if (protocol === undefined || startTlsOf(protocol).decline === undefined) return undefined;
  return {
    deadlines: new Deadlines(idleTimeout || Infinity, () => new ProxyError("idle_timeout", "proxy")),
    terminate: async (client, signal) => ({
      conn: await declineTls(client, protocol, signal),
      facts: undefined,
    }),
  };
}

/**
 * Lets clients that ask for TLS in their protocol begin it, so that their route can be chosen by its ClientHello. Then
 * TLS ends here, or it passes through and sluice asks the upstream too.
 */
function askedForTls({ peek: { starttls, timeout, maxBytes } }: TlsOfService): Terminator | undefined {
  if (starttls === undefined) return undefined;
  return {
    deadlines: new Deadlines(timeout, () => new ProxyError("tls_handshake_timeout", "client")),
    terminate: async (client, signal) => {
      const conn = new ReadAheadConn(client, MAX_BEFORE_TLS + maxBytes);
      // Their route says whether they may go on without TLS.
      const asked = await acceptTls(conn, starttls, { name: "", required: false }, signal);
      return { conn, facts: undefined, hasAsked: asked === "asked" };
    },
  };
}

/** The certificate of a listener that terminates TLS itself, which can have only one; undefined for other listeners. */
export function tlsListenOptions(
  config: TlsConfig | undefined,
  material: TlsMaterial | undefined,
): TlsListenOptions | undefined {
  if (config === undefined || material === undefined || config.engine === "node") return undefined;
  return { credentials: material.certificates[0]!, alpn: config.alpn };
}

function optionsOf(config: TlsConfig, material: TlsMaterial): TlsServerOptions {
  const { clientAuth, alpn, minVersion } = config;
  return { ...material, acmeAnswers: acmeAnswersOf(config), clientAuth, alpn, minVersion };
}

/** Undefined where checks are not answered over TLS. */
function acmeAnswersOf({ acme }: TlsConfig): AcmeAnswers | undefined {
  if (acme === undefined || acme.http !== undefined) return undefined;
  const { names, storage } = acme;
  return { names, folder: acmeChallengeFolder(storage) };
}
