/** Issues the certificates of a fake ACME server. */

import { createPublicKey } from "node:crypto";
import { DER, wholeSequence } from "../../../src/wire/certificate/der.ts";
import {
  alternativeNames,
  authority,
  der,
  dnsName,
  issue,
  newKeys,
  objectId,
  sequence,
} from "../bytes/certificate_bytes.ts";

const root = authority();
/** By which the server knows its certificates. */
const authorityKeyId = sequence(
  objectId("2.5.29.35"),
  der(0x04, sequence(der(0x80, Uint8Array.of(1, 2, 3)))),
);

/** A certificate for the key of a request, valid from one number of days from now until another. */
export function certificateFor(
  csr: Uint8Array,
  names: readonly string[],
  { from = -1, until = 89 }: { readonly from?: number; readonly until?: number } = {},
): string {
  const info = wholeSequence(csr).inside(DER.sequence);
  info.read(DER.integer);
  info.read(DER.sequence);
  const publicKey = createPublicKey({
    key: new Uint8Array(info.read(DER.sequence).raw) as never,
    format: "der",
    type: "spki",
  });
  const { pem } = issue({
    subject: names[0]!,
    extensions: [alternativeNames(...names.map(dnsName)), authorityKeyId],
    keys: { ...newKeys(), publicKey },
    from,
    until,
  }, root);
  return pem + root.pem;
}
