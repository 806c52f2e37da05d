/** The addresses in a configuration, as zod schemas. */

import { z } from "zod";
import { type Address, parseListenAddress, parseUpstreamAddress } from "../net/address.ts";
import { attempt, FROM_ENVIRONMENT, type JsonSchema, scalar, textOrNumber } from "./scalar.ts";

const LISTEN_ADDRESS: readonly JsonSchema[] = [
  { type: "integer", minimum: 0, maximum: 65535 },
  { type: "string", pattern: "^([0-9]+|[^\\s/]*:[0-9]+|unix:.+)$" },
  FROM_ENVIRONMENT,
];

/** Where connections go to. */
export function upstream() {
  return scalar<string, Address>({
    expected: 'an address such as "db.internal:5432"',
    parse: (value) => parseUpstreamAddress(String(textOrNumber(value))),
    json: [{ type: "string", pattern: "^([^\\s/]+:[0-9]+|unix:.+)$" }],
  });
}

/** Where connections come from: one address, or a list of them. */
export function listen() {
  const expected = 'an address such as "127.0.0.1:5000"';
  return z.custom<string | number | readonly (string | number)[]>().transform((value: unknown, context) => {
    const entries: unknown[] = Array.isArray(value) ? value : [value];
    if (entries.length === 0) {
      context.issues.push({ code: "custom", message: "at least one address", input: value });
    }
    return entries.map((entry, index): Address => {
      const path = Array.isArray(value) ? [index] : [];
      return attempt((text) => parseListenAddress(String(textOrNumber(text))), entry, {
        context,
        path,
        expected,
      });
    });
  }).meta({ anyOf: [...LISTEN_ADDRESS, { type: "array", minItems: 1, items: { anyOf: LISTEN_ADDRESS } }] });
}
