/** The certificates of a listener that ends TLS, from the Secrets that it names. */

import { nameOf } from "../resources/meta.ts";
import { secretCalled } from "../cluster/collection.ts";
import type { Snapshot } from "../cluster/snapshot.ts";
import { type Condition, isFalse } from "../conditions.ts";
import type { Gateway, Listener } from "../resources/gateway.ts";
import { type Grant, isPermitted, type Reference } from "../resources/reference.ts";
import { type KeyPair, type PairOrProblem, readKeyPair } from "../resources/secret.ts";

export interface ListenerCertificates {
  readonly pairs: readonly KeyPair[];
  /** Why there are none. */
  readonly problem: Condition | undefined;
}

/** All of them, or the first problem: with some of them, a listener would answer for other names with a wrong one. */
export function certificatesOf(
  { certificates }: Listener,
  { meta: { namespace } }: Gateway,
  grants: readonly Grant[],
  snapshot: Snapshot,
): ListenerCertificates {
  if (certificates.length === 0) {
    return { pairs: [], problem: invalid("tls.certificateRefs is empty: name a Secret with a certificate") };
  }
  const pairs: KeyPair[] = [];
  for (const target of certificates) {
    if (target.group !== "" || target.kind !== "Secret") {
      return {
        pairs: [],
        problem: invalid(`Cannot use a ${target.kind} as a certificate: expected a Secret`),
      };
    }
    if (!isPermitted({ kind: "Gateway", namespace }, target, grants)) {
      const message =
        `No ReferenceGrant in ${target.namespace} lets Gateways of ${namespace} use the Secret ${
          nameOf(target)
        }`;
      return { pairs: [], problem: isFalse("ResolvedRefs", "RefNotPermitted", message) };
    }
    const pair = pairIn(target, snapshot);
    if (typeof pair === "string") {
      return { pairs: [], problem: invalid(`Cannot use the Secret ${nameOf(target)}: ${pair}`) };
    }
    pairs.push(pair);
  }
  return { pairs, problem: undefined };
}

function pairIn(target: Reference, snapshot: Snapshot): PairOrProblem {
  const collection = secretCalled(target);
  const { refusal } = snapshot.of(collection);
  if (refusal !== undefined) return refusal;
  const object = snapshot.find(collection, target.name);
  return object === undefined ? "it does not exist" : readKeyPair(object);
}

function invalid(message: string): Condition {
  return isFalse("ResolvedRefs", "InvalidCertificateRef", message);
}
