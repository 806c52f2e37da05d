/** Finds the route of a request. */

import { distance } from "fastest-levenshtein";
import { ApiError } from "../api_error.ts";
import { shortened } from "./request.ts";

export type Method = "GET" | "POST" | "PATCH" | "DELETE";

/** A request as a handler gets it. */
export interface Call {
  /** The parts of the path where the pattern has names, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** The JSON value of the body; undefined when there is none. */
  readonly body: unknown;
  /** Whether the client may see everything: it sent the token, or no token is configured. */
  readonly isTrusted: boolean;
}

export interface Route {
  readonly method: Method;
  /** As in a URLPattern: `/api/v1/connections/:id`. */
  readonly path: string;
  /** Whether a request needs the token, if one is configured. */
  readonly access: "public" | "token";
  /** Its effect or content, for docs/api.md. */
  readonly summary: string;
  handle(call: Call): Response | Promise<Response>;
}

export interface Match {
  readonly route: Route;
  readonly params: Call["params"];
}

/**
 * The longest path, in characters. Routes with a group name and an address are far shorter. Each pattern scans the
 * whole path: 14 000 characters blocked the thread for 11 ms.
 */
const MAX_PATH = 2048;

/** The most wrong letters in a path for which the right one is suggested. */
const MAX_TYPOS = 3;

export class Router {
  readonly #routes: readonly { readonly route: Route; readonly pattern: URLPattern }[];

  constructor(routes: readonly Route[]) {
    this.#routes = routes.map((route) => ({ route, pattern: new URLPattern({ pathname: route.path }) }));
  }

  /**
   * The route for the path of a URL; HEAD uses the route of GET.
   *
   * @throws {ApiError} `not_found`, `method_not_allowed`
   */
  find(method: string, pathname: string): Match {
    if (pathname.length > MAX_PATH) throw new ApiError("not_found", `Nothing is at ${shortened(pathname)}`);
    const matches = this.#routes.flatMap(({ route, pattern }) => {
      const groups = pattern.exec({ pathname })?.pathname.groups;
      return groups === undefined ? [] : [{ route, groups }];
    });
    if (matches.length === 0) throw this.#notFound(pathname);
    const wanted = method === "HEAD" ? "GET" : method;
    const match = matches.find(({ route }) => route.method === wanted);
    if (match === undefined) {
      const methods = matches.flatMap(({ route: { method } }) =>
        method === "GET" ? ["GET", "HEAD"] : [method]
      );
      const allow = methods.join(", ");
      const message = `${shortened(pathname)} takes ${allow}, not ${method}`;
      throw new ApiError("method_not_allowed", message, { headers: { allow } });
    }
    return { route: match.route, params: this.#decode(match.groups, pathname) };
  }

  #decode(groups: Readonly<Record<string, string | undefined>>, pathname: string): Match["params"] {
    try {
      const entries = Object.entries(groups);
      return Object.fromEntries(entries.map(([name, text]) => [name, decodeURIComponent(text ?? "")]));
    } catch {
      // A "%" without two hexadecimal digits.
      throw this.#notFound(pathname);
    }
  }

  #notFound(pathname: string): ApiError {
    // Names of the page's files have dots; they would hide the other routes.
    const listed = this.#routes.map(({ route }) => route.path).filter((path) => !path.includes("."));
    const paths = [...new Set(listed)].map((path) => path.replaceAll(/:(\w+)/g, "{$1}"));
    const near = paths.filter((path) => path.endsWith(pathname) || isNear(path, pathname));
    const hint = near.length > 0 ? `did you mean ${near.join(" or ")}?` : `there are ${paths.join(", ")}`;
    return new ApiError("not_found", `Nothing is at ${shortened(pathname)}; ${hint}`);
  }
}

/** The time for the edit distance grows with both lengths, and the client controls one of them. */
function isNear(path: string, asked: string): boolean {
  return Math.abs(path.length - asked.length) <= MAX_TYPOS && distance(path, asked) <= MAX_TYPOS;
}
