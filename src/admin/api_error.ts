/** Errors of requests: a stable code for programs, its HTTP status, and a message for people. */

/** Every code and its status (RFC 9110 section 15). Documented in docs/api.md. */
export const ERROR_STATUS = {
  bad_body: 400,
  bad_fault: 400,
  bad_host: 400,
  bad_json: 400,
  bad_query: 400,
  bad_request: 400,
  unauthorized: 401,
  faults_disabled: 403,
  foreign_origin: 403,
  no_such_connection: 404,
  no_such_endpoint: 404,
  no_such_fault: 404,
  no_such_service: 404,
  not_found: 404,
  method_not_allowed: 405,
  body_timeout: 408,
  fault_exists: 409,
  too_late: 409,
  body_too_large: 413,
  not_json: 415,
  host_not_allowed: 421,
  not_reloaded: 422,
  head_too_large: 431,
  internal_error: 500,
  cannot_listen: 503,
  closing: 503,
  too_many_connections: 503,
  too_many_streams: 503,
} as const;

export type ApiErrorCode = keyof typeof ERROR_STATUS;

/** A problem of one key of a body, by its path there. */
export interface BodyProblem {
  readonly path: string;
  readonly message: string;
}

export interface ApiErrorOptions {
  /** Headers of the response. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What `message` says, for programs that show it beside each key. */
  readonly problems?: readonly BodyProblem[];
}

/** Ends the handling of a request; the client receives `{"error":{"code","message","problems"}}`. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code: ApiErrorCode;
  readonly headers: Readonly<Record<string, string>>;
  readonly problems: readonly BodyProblem[] | undefined;

  constructor(code: ApiErrorCode, message: string, { headers = {}, problems }: ApiErrorOptions = {}) {
    super(message);
    this.code = code;
    this.headers = headers;
    this.problems = problems;
  }

  get status(): number {
    return ERROR_STATUS[this.code];
  }
}
