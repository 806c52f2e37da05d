/** An ACME server in memory: one order at a time, for tests of what a client makes of its answers. */

import { randomUUID } from "node:crypto";

export interface FakeAcmeOptions {
  /** PEM, for each certificate that it issues. */
  readonly certificate: (csr: Uint8Array) => string | Promise<string>;
  /** Answers in place of the server; undefined leaves it to the server. */
  readonly instead?: (request: FakeRequest) => Response | undefined;
  /** Called when it is to check a name. False: the check fails. */
  readonly check?: (name: string, token: string) => boolean | Promise<boolean>;
  readonly meta?: Record<string, unknown>;
  readonly renewalInfo?: boolean;
}

export interface FakeRequest {
  readonly method: string;
  readonly path: string;
  /** The decoded payload; undefined for GET and for a POST that only reads. */
  readonly payload: Record<string, unknown> | undefined;
  readonly header: Record<string, unknown>;
}

const URL_OF = "https://acme.test";

/** Serves requests as `fetch` does. */
export class FakeAcme {
  readonly directory = `${URL_OF}/directory`;
  readonly requests: FakeRequest[] = [];
  readonly #options: FakeAcmeOptions;
  readonly #nonces = new Set<string>();
  #names: string[] = [];
  #states = new Map<string, string>();
  #order = "pending";
  #pem = "";
  #isFailing = false;

  constructor(options: FakeAcmeOptions) {
    this.#options = options;
  }

  /** The paths of the requests so far, with their methods. */
  get paths(): string[] {
    return this.requests.map(({ method, path }) => `${method} ${path}`);
  }

  readonly fetch = async (url: string, init: RequestInit): Promise<Response> => {
    init.signal?.throwIfAborted();
    const request = this.#read(url, init);
    this.requests.push(request);
    const nonce = randomUUID();
    const used = request.header["nonce"];
    const answer = this.#options.instead?.(request) ??
      (typeof used === "string" && !this.#nonces.delete(used)
        ? problem(400, "badNonce", "unknown nonce")
        : await this.#answer(request));
    this.#nonces.add(nonce);
    answer.headers.set("replay-nonce", nonce);
    return answer;
  };

  #read(url: string, { method = "GET", body }: RequestInit): FakeRequest {
    const path = url.slice(URL_OF.length);
    if (typeof body !== "string") return { method, path, payload: undefined, header: {} };
    const jws = JSON.parse(body);
    return {
      method,
      path,
      header: decoded(jws.protected)!,
      payload: decoded(jws.payload),
    };
  }

  async #answer({ path, payload }: FakeRequest): Promise<Response> {
    if (path === "/directory") return this.#directory();
    if (path === "/nonce") return new Response(null);
    if (path === "/account") {
      return json({ status: "valid", contact: payload!["contact"] }, "/account/1", 201);
    }
    if (path === "/account/1") return json({ status: "valid" });
    if (path === "/new-order") return this.#newOrder(payload!);
    if (path === "/order/1") return json(this.#orderView());
    if (path.startsWith("/authorization/")) {
      return json(this.#authorization(path.slice("/authorization/".length)));
    }
    if (path.startsWith("/challenge/")) return await this.#challenge(path.slice("/challenge/".length));
    if (path === "/finalize") return await this.#finalize(payload!);
    if (path === "/certificate") return new Response(this.#pem);
    if (path.startsWith("/renewal/")) {
      const day = 86_400_000;
      const window = { start: iso(Date.now() - 2 * day), end: iso(Date.now() - day) };
      return new Response(JSON.stringify({ suggestedWindow: window }), { headers: { "retry-after": "60" } });
    }
    return problem(404, "malformed", `nothing at ${path}`);
  }

  #directory(): Response {
    return json({
      newNonce: `${URL_OF}/nonce`,
      newAccount: `${URL_OF}/account`,
      newOrder: `${URL_OF}/new-order`,
      ...this.#options.renewalInfo === true ? { renewalInfo: `${URL_OF}/renewal` } : {},
      meta: this.#options.meta,
    });
  }

  #newOrder(payload: Record<string, unknown>): Response {
    const identifiers = payload["identifiers"] as readonly { value: string }[];
    this.#names = identifiers.map(({ value }) => value);
    this.#states = new Map(this.#names.map((name) => [name, "pending"]));
    this.#order = "pending";
    return json(this.#orderView(), "/order/1", 201);
  }

  #orderView() {
    const isReady = this.#order === "pending" &&
      [...this.#states.values()].every((state) => state === "valid");
    return {
      status: isReady ? "ready" : this.#order,
      authorizations: this.#names.map((name) => `${URL_OF}/authorization/${name}`),
      finalize: `${URL_OF}/finalize`,
      ...this.#order === "valid" ? { certificate: `${URL_OF}/certificate` } : {},
    };
  }

  #authorization(name: string) {
    const state = this.#states.get(name)!;
    const challenge = (type: string) => ({
      type,
      url: `${URL_OF}/challenge/${name}`,
      token: `token-of-${name.replaceAll(".", "-")}`,
      status: state,
      ...state === "invalid"
        ? { error: { type: "urn:ietf:params:acme:error:connection", detail: `cannot connect to ${name}` } }
        : {},
    });
    return {
      status: state,
      identifier: { type: "dns", value: name },
      challenges: [challenge("http-01"), challenge("tls-alpn-01")],
    };
  }

  async #challenge(name: string): Promise<Response> {
    const { check = () => true } = this.#options;
    const isGood = await check(name, `token-of-${name.replaceAll(".", "-")}`);
    this.#states.set(name, isGood ? "valid" : "invalid");
    if (!isGood) this.#isFailing = true;
    if (this.#isFailing) this.#order = "invalid";
    this.#isFailing = false;
    return json({ status: "processing" });
  }

  async #finalize(payload: Record<string, unknown>): Promise<Response> {
    const csr = Uint8Array.fromBase64(payload["csr"] as string, { alphabet: "base64url" });
    this.#pem = await this.#options.certificate(csr);
    this.#order = "valid";
    return json(this.#orderView());
  }
}

/** An error as ACME servers answer with. */
export function problem(status: number, type: string, detail: string, headers: HeadersInit = {}): Response {
  const body = JSON.stringify({ type: `urn:ietf:params:acme:error:${type}`, detail });
  return new Response(body, { status, headers });
}

function json(value: unknown, location?: string, status = 200): Response {
  const headers = new Headers(location === undefined ? {} : { location: URL_OF + location });
  return new Response(JSON.stringify(value), { status, headers });
}

function decoded(text: string): Record<string, unknown> | undefined {
  const bytes = Uint8Array.fromBase64(text, { alphabet: "base64url" });
  return bytes.length === 0 ? undefined : JSON.parse(new TextDecoder().decode(bytes));
}

function iso(time: number): string {
  return new Date(time).toISOString();
}
