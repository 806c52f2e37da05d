import assert from "node:assert/strict";
import { ChainVerifier } from "../../../../src/net/tls/chain.ts";
import { ProxyError } from "../../../../src/net/errors.ts";
import {
  authority,
  authorityFlag,
  CLIENT_AUTH,
  issue,
  type Issued,
  noAuthority,
  revocationList,
  usableFor,
} from "../../../support/bytes/certificate_bytes.ts";

const DAY = 86_400_000;
const root = authority();
const middle = issue({ subject: "Middle", extensions: [authorityFlag()], serial: [0x10] }, root);
const client = (serial: number[], issuer: Issued) =>
  issue({ subject: "alice", extensions: [noAuthority, usableFor(CLIENT_AUTH)], serial }, issuer);
const alice = client([0x00, 0x9a, 0x01], root);
const below = client([0x05], middle);

/** The fault, or the code of the error. */
function judge(
  chain: readonly Issued[],
  lists: readonly Uint8Array[],
  now?: number,
  roots = [root],
): string | undefined {
  const verifier = new ChainVerifier(roots.map(({ pem }) => pem), "client", lists);
  // The second answer comes from the cache if the chain is valid.
  const answers = [1, 2].map(() => {
    try {
      return verifier.faultOf(chain.map(({ raw }) => raw), now);
    } catch (error) {
      assert.ok(error instanceof ProxyError);
      return `${error.code}: ${error.message}`;
    }
  });
  assert.equal(answers[0], answers[1]);
  return answers[0];
}

Deno.test("a certificate on the list of its issuer is revoked, with zeros in front of its number or without", () => {
  for (const serial of [[0x00, 0x9a, 0x01], [0x9a, 0x01], [0x00, 0x00, 0x9a, 0x01]]) {
    const list = revocationList({ serials: [[0x07], serial] }, root);
    assert.equal(
      judge([alice], [list]),
      "tls_certificate_revoked: The certificate of the client was revoked: CN=alice, serial number 9a01",
    );
  }
  assert.equal(
    judge([alice], [revocationList({ serials: [[0x9a], [0x01], [0x9a, 0x01, 0x00]] }, root)]),
    undefined,
  );
  assert.equal(judge([alice], [revocationList({}, root)]), undefined);
});

Deno.test("an authority below the trusted one is revoked too, and needs a list of its own for what it issues", () => {
  const good = [revocationList({}, root), revocationList({}, middle)];
  assert.equal(judge([below, middle], good), undefined);
  assert.match(
    judge([below, middle], [revocationList({ serials: [[0x10]] }, root), good[1]!])!,
    /^tls_certificate_revoked: A certificate that issued it was revoked: CN=Middle, serial number 10$/,
  );
  assert.match(
    judge([below, middle], [good[0]!, revocationList({ serials: [[0x05]] }, middle)])!,
    /^tls_certificate_revoked/,
  );
  assert.equal(judge([below, middle], [good[0]!]), "crl has no list of its issuer, CN=Middle");
  assert.equal(judge([below, middle], [good[1]!]), "crl has no list of its issuer, CN=Root");
  // The list of one authority says nothing of the certificates of another.
  assert.equal(judge([below, middle], [good[0]!, revocationList({ serials: [[0x10]] }, middle)]), undefined);
});

Deno.test("a list that its issuer has not signed does not count", () => {
  const impostor = { ...authority("Root"), name: root.name };
  const forged = revocationList({ serials: [] }, impostor);
  assert.equal(judge([alice], [forged]), "crl has no list of its issuer, CN=Root");
  const real = revocationList({ serials: [[0x9a, 0x01]] }, root);
  assert.match(judge([alice], [forged, real])!, /^tls_certificate_revoked/);
  const spoiled = Uint8Array.from(real);
  spoiled[spoiled.length - 20]! ^= 1;
  assert.equal(judge([alice], [spoiled]), "crl has no list of its issuer, CN=Root");
});

Deno.test("a list that has expired refuses all, also those that were good before", () => {
  const list = revocationList({ next: 1 }, root);
  assert.equal(judge([alice], [list]), undefined);
  const later = Date.now() + 2 * DAY;
  assert.match(
    judge([alice], [list], later)!,
    /^the revocation list of its issuer, CN=Root, expired on \d{4}-/,
  );
  const verifier = new ChainVerifier([root.pem], "client", [list]);
  assert.equal(verifier.faultOf([alice.raw]), undefined);
  assert.match(verifier.faultOf([alice.raw], later)!, /expired/);
  assert.equal(judge([alice], [revocationList({ next: undefined }, root)], later), undefined);
});

Deno.test("of several lists of one issuer the newest counts", () => {
  const older = revocationList({ serials: [[0x9a, 0x01]], issued: -3 }, root);
  const newer = revocationList({ serials: [], issued: -1 }, root);
  for (const lists of [[older, newer], [newer, older]]) assert.equal(judge([alice], lists), undefined);
});

Deno.test("a certificate that is itself trusted needs no list, but is refused if one has it", () => {
  const pinned = [root, alice];
  const own = (lists: Uint8Array[]) => judge([alice], lists, undefined, pinned.slice(1));
  assert.equal(own([]), undefined);
  assert.match(own([revocationList({ serials: [[0x9a, 0x01]] }, root)])!, /^tls_certificate_revoked/);
});

Deno.test("without lists, nothing is revoked", () => {
  const verifier = new ChainVerifier([root.pem], "client");
  assert.equal(verifier.checksRevocation, false);
  assert.equal(verifier.faultOf([alice.raw]), undefined);
});
