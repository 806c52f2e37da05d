/** Orders a certificate from an ACME server (RFC 8555): account, order, challenges, request, certificate. */

import { AcmeError, type AcmeProblem, describeProblem, typeOf } from "./acme_error.ts";
import { base64url, bindExternalAccount, type ExternalAccount, keyAuthorization, sha256 } from "./jws.ts";
import { EcKey } from "./keys.ts";
import { type AcmeAnswer, AcmeTransport, type Fetch, objectIn } from "./transport.ts";

/** Milliseconds between two polls of an order in progress, unless the server says how long. */
const LOOK_EVERY = 1000;
/** The shortest and the longest such pause. */
const SHORTEST_PAUSE = 250;
const LONGEST_PAUSE = 30_000;
/** Milliseconds that the server may take to check a name, or to issue. */
const LONGEST_WAIT = 5 * 60_000;

/** The resources of a server (RFC 8555 section 7.1.1). */
export interface Directory {
  readonly newNonce: string;
  readonly newAccount: string;
  readonly newOrder: string;
  /** RFC 9773. */
  readonly renewalInfo?: string;
  readonly meta?: {
    readonly termsOfService?: string;
    readonly externalAccountRequired?: boolean;
    readonly profiles?: Readonly<Record<string, string>>;
  };
}

export type ChallengeType = "tls-alpn-01" | "http-01";

/** What is asked of the server. */
export interface OrderOptions {
  readonly directory: string;
  readonly names: readonly string[];
  readonly email: string | undefined;
  readonly externalAccount: ExternalAccount | undefined;
  /** A kind of certificate that the server offers. */
  readonly profile: string | undefined;
  readonly challenge: ChallengeType;
  /** The certificate that this one replaces (RFC 9773 section 5). */
  readonly replaces: string | undefined;
}

/** Answers the server's checks. */
export interface ChallengeAnswers {
  /** @param certificate PEM, of certificate and key. */
  setTls(name: string, certificate: string): Promise<void>;
  setHttp(token: string, text: string): Promise<void>;
  remove(kind: ChallengeType, key: string): Promise<void>;
}

export interface AcmeParts {
  readonly fetch: Fetch;
  /** Of the account. */
  readonly key: EcKey;
  readonly answers: ChallengeAnswers;
  readonly signal: AbortSignal;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/** PEM: the key, and the certificate with its issuers. */
export interface Issued {
  readonly key: string;
  readonly chain: string;
}

interface Resource {
  readonly status: string;
  readonly error?: AcmeProblem;
}

interface Order extends Resource {
  readonly authorizations: readonly string[];
  readonly finalize: string;
  readonly certificate?: string;
}

interface Challenge extends Resource {
  readonly type: string;
  readonly url: string;
  readonly token: string;
}

interface Authorization extends Resource {
  readonly identifier: { readonly value: string };
  readonly challenges: readonly Challenge[];
}

/**
 * Orders a certificate, and answers the checks of the server.
 *
 * @throws {AcmeError} with what the server said, or the reason of `signal`.
 */
export async function orderCertificate(options: OrderOptions, parts: AcmeParts): Promise<Issued> {
  return await new Ordering(options, parts).run();
}

/**
 * Reads what a server offers.
 *
 * @throws {AcmeError}
 */
export async function readDirectory(url: string, transport: Pick<AcmeTransport, "get">): Promise<Directory> {
  const directory = objectIn<Directory>(url, await transport.get(url));
  for (const key of ["newNonce", "newAccount", "newOrder"] as const) {
    if (typeof directory[key] !== "string") throw new AcmeError(`${url} has no ${key}: is it a directory?`);
  }
  return directory;
}

class Ordering {
  readonly #options: OrderOptions;
  readonly #parts: AcmeParts;
  readonly #transport: AcmeTransport;

  constructor(options: OrderOptions, parts: AcmeParts) {
    this.#options = options;
    this.#parts = parts;
    this.#transport = new AcmeTransport(parts);
  }

  async run(): Promise<Issued> {
    const directory = await readDirectory(this.#options.directory, this.#transport);
    this.#transport.useNonces(directory.newNonce);
    this.#checkProfile(directory);
    await this.#openAccount(directory);
    const { url, order } = await this.#order(directory);
    const ready = order.status === "pending" ? await this.#prove(url, order) : order;
    // Its certificate would be for a key that this order does not have.
    if (ready.status !== "ready") {
      throw new AcmeError(`${url} is ${ready.status}, before a certificate was requested`);
    }
    const key = await EcKey.generate();
    const csr = base64url(key.requestFor(this.#options.names));
    await this.#transport.post(ready.finalize, { csr });
    const { certificate } = await this.#settled<Order>(url, "The order", ["valid"], ["ready", "processing"]);
    if (certificate === undefined) throw new AcmeError(`${url} is valid, but has no certificate`);
    const { text } = await this.#transport.post(certificate);
    return { key: key.toPem(), chain: text };
  }

  #checkProfile({ meta }: Directory): void {
    const { profile, directory } = this.#options;
    if (profile === undefined || meta?.profiles?.[profile] !== undefined) return;
    const offered = Object.keys(meta?.profiles ?? {}).join(", ") || "none";
    throw new AcmeError(`${directory} has no profile "${profile}" (it offers ${offered})`);
  }

  /** The server knows an account by its key, and answers with the same one again. */
  async #openAccount({ newAccount, meta }: Directory): Promise<void> {
    const { email, externalAccount, directory } = this.#options;
    if (externalAccount === undefined && meta?.externalAccountRequired === true) {
      throw new AcmeError(`${directory} needs an external account: set external_account`);
    }
    const contact = email === undefined ? [] : [`mailto:${email}`];
    const answer = await this.#transport.post(newAccount, {
      termsOfServiceAgreed: true,
      contact,
      ...externalAccount === undefined ? {} : {
        externalAccountBinding: bindExternalAccount(externalAccount, this.#parts.key, newAccount),
      },
    });
    if (answer.location === undefined) throw new AcmeError(`${newAccount} answered without an account`);
    this.#transport.account = answer.location;
    const known = objectIn<{ contact?: readonly string[] }>(newAccount, answer).contact ?? [];
    // Servers may keep no addresses at all.
    if (contact.length > 0 && known.length > 0 && known.join() !== contact.join()) {
      await this.#transport.post(answer.location, { contact });
    }
  }

  async #order({ newOrder, renewalInfo }: Directory): Promise<{ url: string; order: Order }> {
    const { names, profile, replaces } = this.#options;
    const wanted = {
      identifiers: names.map((value) => ({ type: "dns", value })),
      ...profile === undefined ? {} : { profile },
    };
    const follows = replaces !== undefined && renewalInfo !== undefined;
    const answer = await this.#transport.post(newOrder, follows ? { ...wanted, replaces } : wanted)
      .catch((error) => {
        // The server may have forgotten the old certificate, or know of another successor.
        if (!follows || !(error instanceof AcmeError) || !isAboutReplaces(error)) throw error;
        return this.#transport.post(newOrder, wanted);
      });
    if (answer.location === undefined) throw new AcmeError(`${newOrder} answered without an order`);
    return { url: answer.location, order: objectIn<Order>(newOrder, answer) };
  }

  async #prove(url: string, order: Order): Promise<Order> {
    const outcomes = await Promise.allSettled(order.authorizations.map((each) => this.#authorize(each)));
    const failed = outcomes.filter((outcome) => outcome.status === "rejected").map(({ reason }) => reason);
    if (failed.length > 0) {
      // One of several reasons may ask for the longest wait.
      throw failed.length === 1 ? failed[0] : joined(failed);
    }
    return await this.#settled<Order>(url, "The order", ["ready", "processing", "valid"], ["pending"]);
  }

  async #authorize(url: string): Promise<void> {
    const { challenge: type, names } = this.#options;
    const answer = await this.#transport.post(url);
    const { status, identifier, challenges } = objectIn<Authorization>(url, answer);
    // Only own names: a name becomes a path.
    const name = names.find((each) => each.toLowerCase() === String(identifier?.value).toLowerCase());
    if (name === undefined) throw new AcmeError(`${url} is for a name that was not ordered`);
    if (status === "valid") return;
    const challenge = challenges.find((each) => each.type === type);
    if (challenge === undefined) {
      const offered = challenges.map((each) => each.type).join(", ");
      throw new AcmeError(`The server offers no ${type} for ${name}, only ${offered}`);
    }
    const proof = keyAuthorization(challenge.token, this.#parts.key);
    const { answers } = this.#parts;
    if (type === "http-01") await answers.setHttp(challenge.token, proof);
    else await answers.setTls(name, await this.#challengeCertificate(name, proof));
    try {
      await this.#transport.post(challenge.url, {});
      await this.#settled<Authorization>(url, name, ["valid"], ["pending"]);
    } finally {
      await answers.remove(type, type === "http-01" ? challenge.token : name);
    }
  }

  async #challengeCertificate(name: string, proof: string): Promise<string> {
    const key = await EcKey.generate();
    return key.challengeCertificate(name, sha256(proof), this.#parts.now()) + key.toPem();
  }

  /** Polls until the server has done its part. @throws {AcmeError} with what it found wrong. */
  async #settled<Kind extends Resource>(
    url: string,
    what: string,
    wanted: readonly string[],
    pending: readonly string[],
  ): Promise<Kind> {
    const { now, sleep, signal } = this.#parts;
    for (const end = now() + LONGEST_WAIT; now() < end;) {
      const answer = await this.#transport.post(url);
      const resource = objectIn<Kind & Partial<Authorization>>(url, answer);
      if (wanted.includes(resource.status)) return resource;
      if (!pending.includes(resource.status)) throw refused(what, resource, answer);
      await sleep(pauseAfter(answer), signal);
      signal.throwIfAborted();
    }
    throw new AcmeError(`${what}: the server has not decided within ${LONGEST_WAIT / 60_000} minutes`);
  }
}

function pauseAfter({ retryAfter = LOOK_EVERY }: AcmeAnswer): number {
  return Math.min(Math.max(retryAfter, SHORTEST_PAUSE), LONGEST_PAUSE);
}

function refused(what: string, resource: Resource & Partial<Authorization>, answer: AcmeAnswer): AcmeError {
  const problem = resource.error ??
    resource.challenges?.find(({ error }) => error !== undefined)?.error;
  const said = problem === undefined ? `it is ${resource.status}` : describeProblem(problem);
  return new AcmeError(`${what}: the server refuses, ${said}`, {
    type: problem && typeOf(problem),
    retryAfter: answer.retryAfter,
  });
}

function joined(errors: readonly unknown[]): unknown {
  const other = errors.find((error) => !(error instanceof AcmeError));
  if (other !== undefined) return other;
  const own = errors as readonly AcmeError[];
  const waits = own.flatMap(({ retryAfter }) => retryAfter ?? []);
  return new AcmeError(own.map(({ message }) => message).join("; "), {
    type: own[0]!.type,
    retryAfter: waits.length === 0 ? undefined : Math.max(...waits),
  });
}

function isAboutReplaces({ type, message }: AcmeError): boolean {
  return type === "alreadyReplaced" || type === "malformed" || /replaces|replacement/i.test(message);
}
