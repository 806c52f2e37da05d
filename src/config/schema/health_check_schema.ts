/** The shape of health checks. */

import * as z from "zod";
import { checkHost } from "../../net/address.ts";
import { isIpAddress } from "../values/address_text.ts";
import { formatPortRange } from "../values/port_range.ts";
import { checkRegex } from "../values/regex.ts";
import { scalar, scalars, textOf, textOrNumber, Unexpected } from "../values/scalar.ts";
import { parseStatusRange, STATUS_PATTERN, type StatusRange } from "../values/status_range.ts";
import { CHECK_TYPE_NAMES, CHECK_TYPES } from "./check_types.ts";
import { choice, count, duration, flag, payload } from "./fields.ts";
import { JITLESS, list, section, type SectionOutput } from "./section.ts";

/** The shortest time between two checks, in milliseconds: less is a flood. */
const MIN_INTERVAL = 10;

const matchers = {
  begins: payload().optional().describe("What it must begin with: text, or bytes such as `hex:0d0a`."),
  contains: payload().optional().describe("What must be somewhere in it, written the same way."),
  regex: regex().optional().describe(
    "A regular expression (JavaScript) that must match somewhere in it. ^ and $ are the ends of a line, and each byte " +
      "is one character.",
  ),
};

/** What an answer must be like: one of the matchers is set. */
export type ExpectationConfig = SectionOutput<typeof matchers>;

const EXPECTATION = "begins, contains or regex";
const expectation = section(EXPECTATION, matchers).meta({
  oneOf: Object.keys(matchers).map((key) => ({ required: [key] })),
});

/** The same, or what it begins with alone. */
const expect = z.union([plainBeginning(), expectation], {
  error: `text in quotes such as "+PONG", bytes such as "hex:0d0a", or a mapping with ${EXPECTATION}`,
});

const step = section('a mapping such as "send: QUIT" or "expect: 221"', {
  send: payload().optional().describe("What to send."),
  expect: expect.optional().describe(
    "What must come next, after what the last expect has read: what it begins with, or a mapping.",
  ),
}).meta({ oneOf: [{ required: ["send"] }, { required: ["expect"] }] }).describe("One step: send or expect.");

const http = section('a mapping such as "path: /health"', {
  method: choice("GET", "HEAD", "OPTIONS").prefault("GET").describe("The method of the request."),
  path: requestPath().prefault("/").describe("What to ask for, with a query if there is one."),
  host: hostHeader().optional().describe("The Host header. Left out, where the check connects."),
  status: statuses().prefault(["2xx"]).describe(
    "The status codes of a healthy endpoint: 200, 2xx, 200-399 or a list of these.",
  ),
  body: expectation.optional().describe(
    "What the body must be like: begins, contains or regex. Left out, anything.",
  ),
});

export const healthCheck = section('a mapping such as "interval: 5s"', {
  type: choice(...CHECK_TYPE_NAMES).optional().describe(
    "A check that is built in, in place of http, script, send and expect; `sluice check` shows what it does.",
  ),
  interval: duration(MIN_INTERVAL).prefault("5s").describe(
    "How often each endpoint is checked, give or take 10 %.",
  ),
  fast_interval: duration(MIN_INTERVAL).optional().describe(
    "The interval while results differ from the state of the endpoint, so that rise and fall are counted sooner. " +
      "Left out, interval.",
  ),
  timeout: duration(1).prefault("2s").describe(
    "How long one check may take, connecting and answers included.",
  ),
  rise: count(1, 100).prefault(2).describe("Good checks in a row that bring an endpoint up."),
  fall: count(1, 100).prefault(3).describe("Bad checks in a row that take an endpoint down."),
  address: host().optional().describe(
    "The host to check in place of the endpoint's: a name or an IP address.",
  ),
  port: count(1, 65535).optional().describe("The port to check in place of the endpoint's."),
  http: http.optional().describe("Sends an HTTP request and judges the answer. Left out, none."),
  script: list(step, "steps", "step").optional().describe(
    "What to send and to expect, in turn. Left out, nothing.",
  ),
  send: payload().optional().describe(
    'What to send once connected: text such as "PING\\r\\n", or bytes such as "hex:0d0a". Left out, nothing.',
  ),
  expect: expect.optional().describe(
    "What the answer must begin with, written the same way, or a mapping with begins, contains or regex. Left out, " +
      "an open connection is enough.",
  ),
  tls: flag().optional().describe(
    "Whether checks use TLS, with the upstream_tls of the first service that has it. Left out, as the services that " +
      "use the group do, but none with address or port; required where these services differ.",
  ),
  proxy_protocol: choice("none", "v1", "v2").optional().describe(
    "The PROXY header that a check begins with: that of a connection of the proxy itself (LOCAL, or UNKNOWN in v1). " +
      "Left out, the version of the services that use the group, or none with address or port; required where " +
      "these services differ.",
  ),
});

export type HttpCheckConfig = z.output<typeof http>;
type HealthCheckEntry = z.output<typeof healthCheck>;

/** Fills in what the `type` of a check stands for. */
export function completeCheck(check: HealthCheckEntry): HealthCheckEntry {
  if (check.type === undefined) return check;
  const { port, http, script } = healthCheck.parse(CHECK_TYPES[check.type].check, { ...JITLESS });
  return { ...check, port: check.port ?? port, http, script };
}

/** The inverse of {@linkcode completeCheck}, except for the port: a file has either a `type` or what it stands for. */
export function writtenCheck(check: HealthCheckEntry): HealthCheckEntry {
  return check.type === undefined ? check : { ...check, http: undefined, script: undefined };
}

/** Text or bytes alone. */
function plainBeginning() {
  const bytes = payload();
  return z.codec(bytes, z.any() as z.ZodType<ExpectationConfig, ExpectationConfig>, {
    decode: (begins) => ({ begins, contains: undefined, regex: undefined }),
    encode: ({ begins }, context) => {
      if (begins !== undefined) return begins;
      context.issues.push({ code: "custom", message: "bytes", input: begins });
      return z.NEVER;
    },
  });
}

function regex() {
  return scalar<string, string>({
    expected: 'a regular expression in quotes such as "^220 [a-z]+"',
    parse: (value) => {
      const text = textOf(value);
      if (text === "") throw new Unexpected();
      checkRegex(text);
      return text;
    },
    json: [{ type: "string", minLength: 1 }],
  });
}

/** A host without a port. */
function host() {
  return scalar<string, string>({
    expected: 'a host such as "10.0.0.5"',
    parse: (value) => {
      const text = textOf(value).replace(/^\[(.*)\]$/, "$1");
      if (isIpAddress(text)) return text;
      const [, name, port] = /^([^:]+|\[.*\]):(\d+)$/.exec(text) ?? [];
      if (name !== undefined) {
        throw new SyntaxError(
          `Cannot use "${text}" as a host: the port is a key of its own, "port: ${port}"`,
        );
      }
      checkHost(text);
      if (text === "" || /[[\]]/.test(text)) throw new Unexpected();
      return text;
    },
    json: [{ type: "string", pattern: "^(\\[[0-9a-fA-F:.]+\\]|[0-9a-fA-F:.%]+|[^:\\s/]+)$" }],
  });
}

/** The target of a request (RFC 9112 section 3.2.1). */
function requestPath() {
  const pattern = "^/[!-~]*$";
  return scalar<string, string>({
    expected: 'a path such as "/health"',
    parse: (value) => {
      const path = textOf(value);
      if (new RegExp(pattern).test(path) && path.length <= 1024) return path;
      throw new Unexpected();
    },
    json: [{ type: "string", pattern, maxLength: 1024 }],
  });
}

function hostHeader() {
  const pattern = "^[!-~]{1,255}$";
  return scalar<string, string>({
    expected: 'a host such as "db.internal", with a port or without',
    parse: (value) => {
      const host = textOf(value);
      if (new RegExp(pattern).test(host)) return host;
      throw new Unexpected();
    },
    json: [{ type: "string", pattern }],
  });
}

function statuses() {
  return scalars<string | number, StatusRange>({
    expected: 'a status such as 200, "2xx" or "200-399"',
    each: "status",
    parse: (value) => [parseStatusRange(textOrNumber(value))],
    format: (ranges) => ranges.map(formatPortRange),
    json: [{ type: "integer", minimum: 100, maximum: 599 }, { type: "string", pattern: STATUS_PATTERN }],
  });
}
