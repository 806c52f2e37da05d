/** What rules can ask of the certificates of clients, as zod schemas. */

import { ClientNameSet } from "../../wire/certificate/client_names.ts";
import { DistinguishedNameSet } from "../../wire/certificate/distinguished_name_set.ts";
import { scalars, textOf } from "../values/scalar.ts";

/** A name in a certificate, a pattern of them, or a list of these. */
function clientNames() {
  return scalars<string, string>({
    expected: 'a name such as "alice", "*.devices.example" or "*@example.com"',
    each: "name",
    parse: (value) => {
      new ClientNameSet([textOf(value)]);
      return [textOf(value)];
    },
    json: [{ type: "string", minLength: 1 }],
  });
}

/** The subject or issuer of a certificate, a pattern of them, or a list of these. */
function distinguishedNames() {
  return scalars<string, string>({
    expected: 'a name such as "O=Acme, CN=alice" or "O=Acme, *"',
    each: "name",
    parse: (value) => {
      new DistinguishedNameSet([textOf(value)]);
      return [textOf(value)];
    },
    json: [{ type: "string", pattern: "=" }],
  });
}

/** What a rule asks of the client's verified certificate. */
export const clientConditions = {
  client_name: clientNames().optional().describe(
    "Names in the client's certificate: DNS, mail or URI, or its common name if it has none of these. One, a pattern such as " +
      '"*.devices.example", "*@example.com" or "spiffe://example.com/*", or a list. Left out, clients with any certificate or none match.',
  ),
  client_subject: distinguishedNames().optional().describe(
    'Subjects of the client\'s certificate, as the log shows them: one such as "O=Acme, CN=alice", a pattern such as ' +
      '"O=Acme, CN=*" or "O=Acme, *", or a list. Left out, clients with any certificate or none match.',
  ),
  client_issuer: distinguishedNames().optional().describe(
    "Issuers of the client's certificate, written the same way. Left out, clients with any certificate or none match.",
  ),
};

/** Keys of {@linkcode clientConditions}. */
export const CLIENT_CONDITIONS = Object.keys(clientConditions) as readonly (keyof typeof clientConditions)[];
