/** Requests to the admin interface, with the token if there is one. */

/** The token is stored for this tab only. */
const TOKEN_KEY = "sluice.token";

/** @import { BodyProblem } from "../api_error.ts" */

/** An error response of the admin interface; `status` 0 if there was no response. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {{ message: string, code?: string, problems?: readonly BodyProblem[] }} error as in the response
   */
  constructor(status, { message, code = "", problems = [] }) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.problems = problems;
  }

  get isUnauthorised() {
    return this.status === 401;
  }
}

export class Api {
  #token = sessionStorage.getItem(TOKEN_KEY) ?? "";

  get hasToken() {
    return this.#token !== "";
  }

  /**
   * "" forgets it.
   * @param {string} token
   */
  setToken(token) {
    this.#token = token;
    if (token === "") sessionStorage.removeItem(TOKEN_KEY);
    else sessionStorage.setItem(TOKEN_KEY, token);
  }

  /**
   * Throws an ApiError if the request fails, and an AbortError if `signal` aborts it.
   * @param {string} path below `api/v1/`
   * @param {{ method?: string, body?: unknown, signal?: AbortSignal }} [options]
   */
  async request(path, { method = "GET", body, signal } = {}) {
    const headers = new Headers();
    if (this.#token !== "") headers.set("authorization", `Bearer ${this.#token}`);
    if (body !== undefined) headers.set("content-type", "application/json");
    /** @type {RequestInit} */
    const request = { method, headers, cache: "no-store" };
    if (body !== undefined) request.body = JSON.stringify(body);
    if (signal !== undefined) request.signal = signal;
    const response = await this.#fetch(new URL(`api/v1/${path}`, document.baseURI), request);
    if (!response.ok) throw new ApiError(response.status, await errorIn(response));
    return response;
  }

  /**
   * @param {URL} url
   * @param {RequestInit} request
   */
  async #fetch(url, request) {
    try {
      return await fetch(url, request);
    } catch (error) {
      if (request.signal?.aborted) throw error;
      throw new ApiError(0, { message: `No answer from ${url.host}` });
    }
  }
}

/** @param {Response} response */
async function errorIn(response) {
  try {
    const { error } = await response.json();
    return { ...error, message: String(error.message) };
  } catch {
    return { message: `The admin interface answered ${response.status} ${response.statusText}`.trimEnd() };
  }
}
