/** What only TLS settings have, as zod schemas. */

import { isIpAddress } from "../values/address_text.ts";
import { scalar, textOrNumber, Unexpected } from "../values/scalar.ts";
import { HOST_NAME_PATTERN, parseHostName } from "../values/server_name.ts";

const VERSIONS = ["1.2", "1.3"] as const;

/** A version of TLS. Without quotes it is a number, which here loses nothing. */
export function tlsVersion() {
  return scalar<(typeof VERSIONS)[number] | 1.2 | 1.3, (typeof VERSIONS)[number]>({
    expected: '"1.2" or "1.3"',
    parse: (value) => {
      const version = VERSIONS.find((each) => each === String(textOrNumber(value)));
      if (version !== undefined) return version;
      throw new Unexpected(undefined, { meant: VERSIONS.find((each) => String(value).endsWith(each)) });
    },
    json: [{ enum: [...VERSIONS, ...VERSIONS.map(Number)] }],
  });
}

/** Whom a certificate is for: a host name, or an IP address. */
export function certificateName() {
  return scalar<string, string>({
    expected: 'a name such as "db.internal", or an IP address',
    parse: (value) => {
      if (typeof value !== "string") throw new Unexpected();
      const address = value.replace(/^\[(.*)\]$/, "$1");
      return isIpAddress(address) ? address : parseHostName(value);
    },
    json: [{ type: "string", pattern: HOST_NAME_PATTERN }, {
      type: "string",
      pattern: "^\\[?[0-9a-fA-F:.]+\\]?$",
    }],
  });
}
