/** The way of a request: who asks, what for, and an answer whatever happens. */

import type { Log } from "../../observe/log/log.ts";
import type { LogRateLimiter } from "../../observe/log/log_rate_limiter.ts";
import { checkHost, checkOrigin, TokenCheck } from "../access.ts";
import { ApiError } from "../api_error.ts";
import { type AdminRequest, urlOf } from "./request.ts";
import { readJson } from "./request_body.ts";
import { errorResponse, withSecurityHeaders } from "./responses.ts";
import { type Route, Router } from "./router.ts";
import { shortened } from "./shortened.ts";

export interface RequestHandlerOptions {
  readonly routes: readonly Route[];
  readonly token: string | undefined;
  /** Names that the Host header may have; undefined is any. */
  readonly hosts: ReadonlySet<string> | undefined;
  readonly log: Log;
  /** Limits the log lines about requests that were refused or failed. */
  readonly budget: LogRateLimiter;
}

export class RequestHandler {
  readonly #router: Router;
  readonly #token: TokenCheck;
  readonly #hosts: ReadonlySet<string> | undefined;
  readonly #log: Log;
  readonly #budget: LogRateLimiter;

  constructor({ routes, token, hosts, log, budget }: RequestHandlerOptions) {
    this.#router = new Router(routes);
    this.#token = new TokenCheck(token);
    this.#hosts = hosts;
    this.#log = log;
    this.#budget = budget;
  }

  /** @param client Who asks, for the log. */
  async handle(request: AdminRequest, client: string): Promise<Response> {
    const response = await this.#answer(request).catch((error) => this.#explain(request, error));
    if (request.method !== "GET" && request.method !== "HEAD") this.#note(request, response, client);
    return withSecurityHeaders(response);
  }

  async #answer(request: AdminRequest): Promise<Response> {
    const { method, headers } = request;
    checkHost(headers, this.#hosts);
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
    const admitted = this.#budget.take("internal_error");
    if (admitted !== undefined) {
      this.#log.error("The admin interface failed to answer; please report it", {
        event: "admin_error",
        request: describe(request),
        detail: error instanceof Error ? error.stack ?? error.message : String(error),
        suppressed: admitted.suppressed || undefined,
      });
    }
    return errorResponse(new ApiError("internal_error", "Something went wrong here; the log says what"));
  }

  /** Every change is logged; of failed attempts, at most ten a second. */
  #note(request: AdminRequest, { status }: Response, client: string): void {
    const admitted = status < 400 ? { suppressed: 0 } : this.#budget.take(String(status));
    if (admitted === undefined) return;
    this.#log.info("Admin request", {
      event: "admin",
      request: describe(request),
      status,
      client,
      suppressed: admitted.suppressed || undefined,
    });
  }
}

/** Without the query, where somebody may have put a token by mistake. */
function describe({ method, target }: AdminRequest): string {
  return shortened(`${method} ${target.replace(/^[^/]*\/\/[^/]*|[?#].*$/g, "")}`);
}
