/** What only the admin interface has, as zod schemas. */

import { isIpAddress } from "../values/address_text.ts";
import { scalar, scalars, Unexpected } from "../values/scalar.ts";
import { HOST_NAME_PATTERN, parseHostName } from "../values/server_name.ts";

/** Visible ASCII, which a header can carry as it is (RFC 9110 section 5.5). */
const TOKEN_PATTERN = "^[!-~]{8,1024}$";

/** What requests bring to be let in. */
export function bearerToken() {
  return scalar<string, string>({
    expected: "a token of at least 8 printable ASCII characters without spaces",
    parse: (value) => {
      if (typeof value !== "string" || !new RegExp(TOKEN_PATTERN).test(value)) throw new Unexpected();
      return value;
    },
    json: [{ type: "string", pattern: TOKEN_PATTERN }],
  });
}

/** The name of a host, or a list of these, which may be empty. */
export function hostNames() {
  return scalars<string, string>({
    expected: 'a name such as "proxy.internal"',
    parse: (value) => {
      if (typeof value !== "string") throw new Unexpected();
      if (isIpAddress(value)) throw new SyntaxError(`Leave "${value}" out: IP addresses are always accepted`);
      return [parseHostName(value)];
    },
    json: [{ type: "string", pattern: HOST_NAME_PATTERN }],
  });
}
