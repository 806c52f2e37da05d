/** The way of a request: who asks, what for, and an answer whatever happens. */

import type { Log } from "../observe/log.ts";
import { checkHost, checkOrigin, TokenCheck } from "./access.ts";
import { ApiError } from "./api_error.ts";
import { readJson } from "./request_body.ts";
import { errorResponse, withSecurityHeaders } from "./responses.ts";
import { type Route, Router } from "./router.ts";

export interface RequestHandlerOptions {
  readonly routes: readonly Route[];
  readonly token: string | undefined;
  /** Names that the Host header may have; undefined is any. */
  readonly hosts: ReadonlySet<string> | undefined;
  readonly log: Log;
}

export class RequestHandler {
  readonly #router: Router;
  readonly #token: TokenCheck;
  readonly #hosts: ReadonlySet<string> | undefined;
  readonly #log: Log;

  constructor({ routes, token, hosts, log }: RequestHandlerOptions) {
    this.#router = new Router(routes);
    this.#token = new TokenCheck(token);
    this.#hosts = hosts;
    this.#log = log;
  }

  /** @param client Who asks, for the log. */
  async handle(request: Request, client: string): Promise<Response> {
    const response = await this.#answer(request).catch((error) => this.#explain(request, error));
    if (request.method !== "GET" && request.method !== "HEAD") this.#note(request, response, client);
    return withSecurityHeaders(response);
  }

  async #answer(request: Request): Promise<Response> {
    const { method, headers } = request;
    checkHost(headers, this.#hosts);
    checkOrigin(headers);
    const { pathname, searchParams: query } = new URL(request.url);
    const { route, params } = this.#router.find(method, pathname);
    if (route.access === "token") this.#token.check(headers);
    const body = route.method === "GET" ? undefined : await readJson(request);
    return await route.handle({ params, query, body });
  }

  #explain(request: Request, error: unknown): Response {
    if (error instanceof ApiError) return errorResponse(error);
    this.#log.error("The admin interface failed to answer; please report it", {
      event: "admin_error",
      request: describe(request),
      detail: error instanceof Error ? error.stack ?? error.message : String(error),
    });
    return errorResponse(new ApiError("internal_error", "Something went wrong here; the log says what"));
  }

  /** Who changed something, or tried to, is worth a line. */
  #note(request: Request, response: Response, client: string): void {
    this.#log.info("Admin request", {
      event: "admin",
      request: describe(request),
      status: response.status,
      client,
    });
  }
}

/** Without the query, where somebody may have put a token by mistake. */
function describe(request: Request): string {
  return `${request.method} ${request.url.replace(/^[^/]*\/\/[^/]*|[?#].*$/g, "")}`;
}
