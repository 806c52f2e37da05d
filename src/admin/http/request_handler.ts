/** Handles a request: checks its sender, finds its route, and always returns a response. */

import { stackOf } from "../../observe/log/error_text.ts";
import type { Log } from "../../observe/log/log.ts";
import type { LogRateLimiter } from "../../observe/log/log_rate_limiter.ts";
import { checkHost, checkOrigin, TokenCheck } from "../access.ts";
import { ApiError } from "../api_error.ts";
import { type AdminRequest, readJson, shortened, urlOf } from "./request.ts";
import { errorResponse, withSecurityHeaders } from "./responses.ts";
import { type Route, Router } from "./router.ts";

export interface RequestHandlerOptions {
  readonly routes: readonly Route[];
  readonly token: string | undefined;
  /** Names that the Host header may have; undefined allows any. */
  readonly hosts: ReadonlySet<string> | undefined;
  readonly log: Log;
  /** Limits the log lines about requests that were refused or failed. */
  readonly limiter: LogRateLimiter;
}

export class RequestHandler {
  readonly #options: RequestHandlerOptions;
  readonly #router: Router;
  readonly #token: TokenCheck;

  constructor(options: RequestHandlerOptions) {
    this.#options = options;
    this.#router = new Router(options.routes);
    this.#token = new TokenCheck(options.token);
  }

  /** @param client Its address, for the log. */
  async handle(request: AdminRequest, client: string): Promise<Response> {
    const response = await this.#answer(request).catch((error) => this.#explain(request, error));
    if (request.method !== "GET" && request.method !== "HEAD") this.#logChange(request, response, client);
    return withSecurityHeaders(response);
  }

  async #answer(request: AdminRequest): Promise<Response> {
    const { method, headers } = request;
    checkHost(headers, this.#options.hosts);
    checkOrigin(headers);
    const url = urlOf(request.target);
    if (url === undefined) throw new ApiError("not_found", `Nothing is at ${shortened(request.target)}`);
    const { pathname, searchParams: query } = url;
    const { route, params } = this.#router.find(method, pathname);
    if (route.access === "token") this.#token.check(headers);
    const body = route.method === "GET" ? undefined : await readJson(request);
    return await route.handle({ params, query, body, isTrusted: this.#token.accepts(headers) });
  }

  #explain(request: AdminRequest, error: unknown): Response {
    if (error instanceof ApiError) return errorResponse(error);
    const extra = this.#options.limiter.admit("internal_error");
    if (extra !== undefined) {
      this.#options.log.error("Admin request failed because of a bug; please report it", {
        event: "admin_error",
        request: describe(request),
        detail: stackOf(error),
        ...extra,
      });
    }
    return errorResponse(new ApiError("internal_error", "Internal error; the log has the details"));
  }

  /** Logs every change, and at most ten failed attempts a second. */
  #logChange(request: AdminRequest, { status }: Response, client: string): void {
    const extra = status < 400 ? {} : this.#options.limiter.admit(String(status));
    if (extra === undefined) return;
    this.#options.log.info("Admin request", {
      event: "admin",
      request: describe(request),
      status,
      client,
      ...extra,
    });
  }
}

/** Without the query, which may hold a token by mistake. */
function describe({ method, target }: AdminRequest): string {
  return shortened(`${method} ${target.replace(/^[^/]*\/\/[^/]*|[?#].*$/g, "")}`);
}
