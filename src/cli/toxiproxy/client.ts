/** Talks to the HTTP API of toxiproxy: sluice's, or that of toxiproxy itself. */

/** The API cannot be reached, or has refused a request. */
export class ToxiproxyRequestError extends Error {
  override readonly name = "ToxiproxyRequestError";
}

export interface ProxyJson {
  readonly name: string;
  readonly listen: string;
  readonly upstream: string;
  readonly enabled: boolean;
  readonly toxics: readonly ToxicJson[];
}

export interface ToxicJson {
  readonly name: string;
  readonly type: string;
  readonly stream: string;
  readonly toxicity: number;
  readonly attributes: Readonly<Record<string, unknown>>;
}

export class ToxiproxyClient {
  readonly #url: string;
  readonly #signal: AbortSignal | undefined;

  /** @param url Such as `http://localhost:8474`; the scheme may be left out. */
  constructor(url: string, signal?: AbortSignal) {
    this.#url = (/^https?:\/\//.test(url) ? url : `http://${url}`).replace(/\/$/, "");
    this.#signal = signal;
  }

  /** The JSON value of the response. @throws {ToxiproxyRequestError} */
  async request<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await this.#fetch(method, path, body);
    const text = await response.text();
    if (response.ok) return (text === "" ? undefined : JSON.parse(text)) as Answer;
    throw new ToxiproxyRequestError(errorIn(text) ?? `${response.status} ${response.statusText}`);
  }

  async #fetch(method: string, path: string, body: unknown): Promise<Response> {
    try {
      return await fetch(`${this.#url}${path}`, {
        method,
        headers: { "content-type": "application/json", "user-agent": "sluice" },
        ...body === undefined ? {} : { body: JSON.stringify(body) },
        ...this.#signal && { signal: this.#signal },
      });
    } catch (cause) {
      throw new ToxiproxyRequestError(
        `Cannot reach ${this.#url}: is "sluice toxiproxy" running there? (${(cause as Error).message})`,
        { cause },
      );
    }
  }
}

function errorIn(text: string): string | undefined {
  try {
    const { error } = JSON.parse(text);
    return typeof error === "string" ? error : undefined;
  } catch {
    return undefined;
  }
}
