/** Errors that the Kubernetes API answers. */

import { readBody } from "../../../net/http_client.ts";
import { objectOf, textOf } from "./endpoint_slice.ts";

/** The characters of a message to keep: an answer that is no Status may be a page of HTML. */
const LONGEST_MESSAGE = 500;
const TOO_MANY_REQUESTS = 429;
const GONE = 410;
const GATEWAY_TIMEOUT = 504;

export class KubernetesApiError extends Error {
  override readonly name = "KubernetesApiError";
  /** The HTTP status. */
  readonly status: number;
  /** The reason of the API's Status, such as "Expired"; empty if it gave none. */
  readonly reason: string;
  /** How long the server asks to wait, in milliseconds; undefined if it does not. */
  readonly retryAfter: number | undefined;

  constructor(status: number, reason: string, message: string, retryAfter?: number) {
    super(message.length > LONGEST_MESSAGE ? `${message.slice(0, LONGEST_MESSAGE)} …` : message);
    this.status = status;
    this.reason = reason;
    this.retryAfter = retryAfter;
  }

  /** Whether the same request gets the same answer until something is changed. */
  get isRefusal(): boolean {
    return this.status >= 400 && this.status < 500 && this.status !== TOO_MANY_REQUESTS;
  }

  /**
   * Whether the server cannot continue from the version that was asked for: it has forgotten it, or, restored from a
   * backup, does not have it yet. Only a new list helps.
   *
   * @see https://kubernetes.io/docs/reference/using-api/api-concepts/#410-gone-responses
   */
  get isVersionUnusable(): boolean {
    return this.status === GONE ||
      this.status === GATEWAY_TIMEOUT && this.message.includes("Too large resource version");
  }
}

/** The error in an object of kind Status. */
export function apiErrorOf(value: unknown, status: number, retryAfter?: number): KubernetesApiError {
  const { code, reason, message } = objectOf(value);
  const actual = typeof code === "number" ? code : status;
  return new KubernetesApiError(
    actual,
    textOf(reason) ?? "",
    textOf(message) ?? `The API server answered ${actual}`,
    retryAfter,
  );
}

/** The error in an answer whose status is not 2xx. Reads the answer to its end, or 16 MiB of it. */
export async function apiErrorIn(response: Response): Promise<KubernetesApiError> {
  const text = await readBody(response).catch(() => "");
  const seconds = Number(response.headers.get("retry-after") ?? NaN);
  const retryAfter = seconds >= 0 ? seconds * 1000 : undefined;
  try {
    return apiErrorOf(JSON.parse(text), response.status, retryAfter);
  } catch {
    return apiErrorOf({ message: text.trim() }, response.status, retryAfter);
  }
}
