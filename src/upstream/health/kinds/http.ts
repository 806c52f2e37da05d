/** A check that sends an HTTP request and judges status and body of the response. */

import type { HttpCheckConfig } from "../../../config/config.ts";
import type { Exchange } from "../exchange.ts";
import { type Expectation, expectationOf } from "../expectation.ts";
import { quoted } from "../../../wire/quoted.ts";
import { bad, good, type Verdict } from "../verdict.ts";
import { type HttpResponse, readResponse } from "./http_response.ts";
import type { CheckKind } from "./registry.ts";

export const httpCheck: CheckKind = ({ http }) => {
  if (http === undefined) return undefined;
  const body = http.body && expectationOf(http.body);
  return async (exchange) => {
    exchange.send(requestOf(http, exchange.authority));
    exchange.late = `no answer ${exchange.within}`;
    for (;;) {
      const isOver = !await exchange.more();
      const verdict = judge(exchange, { http, body, isOver });
      if (verdict !== undefined) return verdict;
    }
  };
};

function requestOf({ method, path, host }: HttpCheckConfig, authority: string): Uint8Array {
  const fields = [`Host: ${host ?? authority}`, "User-Agent: sluice", "Accept: */*", "Connection: close"];
  return new TextEncoder().encode([`${method} ${path} HTTP/1.1`, ...fields, "", ""].join("\r\n"));
}

interface Judging {
  readonly http: HttpCheckConfig;
  readonly body: Expectation | undefined;
  /** Whether the endpoint has finished sending. */
  readonly isOver: boolean;
}

/** Undefined while more must come. */
function judge(exchange: Exchange, { http, body, isOver }: Judging): Verdict | undefined {
  const { received, within } = exchange;
  if (received.length === 0) return isOver ? bad("closed before it answered") : undefined;
  const response = readResponse(received);
  if (response === null) return bad(`answered ${quoted(received)} instead of HTTP`);
  const isEnd = isOver || exchange.isFull;
  if (response === undefined) {
    exchange.late = `answered only ${quoted(received)} ${within}`;
    return isEnd ? bad(`answered only ${quoted(received)}`) : undefined;
  }
  const answer = `answered ${quoted(response.statusLine)}`;
  const { status } = response;
  if (!http.status.some(({ first, last }) => first <= status && status <= last)) {
    const expected = http.status.map(({ first, last }) => first === last ? first : `${first}-${last}`);
    return bad(`${answer} instead of ${expected.join(", ")}`);
  }
  return body === undefined ? good(answer) : judgeBody(exchange, { response, body, isEnd, answer });
}

function judgeBody(
  exchange: Exchange,
  { response, body, isEnd, answer }: {
    response: HttpResponse;
    body: Expectation;
    isEnd: boolean;
    answer: string;
  },
): Verdict | undefined {
  const received = response.body ?? new Uint8Array();
  const match = received.length === 0 ? "more" : body.find(received);
  if (typeof match === "object") {
    return good(`${answer} with the body ${quoted(received.subarray(match.start, match.end))}`);
  }
  const cause = `${answer} with the body ${quoted(received)} ${body.unmet}`;
  if (match === "never" || response.isWhole || isEnd) {
    return bad(exchange.isFull ? `${cause} in the first 16 KiB` : cause);
  }
  exchange.late = `${cause} ${exchange.within}`;
  return undefined;
}
