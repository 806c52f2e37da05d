/** Secrets with a certificate and its key (kubernetes.io/tls). */

import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { type JsonObject, objectOf, textOf } from "../../upstream/discovery/kubernetes/endpoint_slice.ts";

/** A certificate and its key, both in PEM. */
export interface KeyPair {
  /** The same for the same content. */
  readonly id: string;
  readonly cert: string;
  readonly key: string;
}

/** What was found in a Secret: its pair, or why it has none, in words without its content. */
export type PairOrProblem = KeyPair | string;

/** Checking a key takes a millisecond, and most objects stay. */
const read = new WeakMap<JsonObject, PairOrProblem>();

export function readKeyPair(object: JsonObject): PairOrProblem {
  return read.getOrInsertComputed(object, () => {
    const data = objectOf(object.data);
    const [cert, key] = [textIn(data["tls.crt"]), textIn(data["tls.key"])];
    if (cert === undefined) return "it has no tls.crt";
    if (key === undefined) return "it has no tls.key";
    return problemOf(cert, key) ?? {
      id: createHash("sha256").update(`${cert}\0${key}`).digest("hex").slice(0, 32),
      cert,
      key,
    };
  });
}

function textIn(value: unknown): string | undefined {
  const encoded = textOf(value);
  try {
    return encoded === undefined ? undefined : new TextDecoder().decode(Uint8Array.fromBase64(encoded));
  } catch {
    return undefined;
  }
}

function problemOf(cert: string, key: string): string | undefined {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(cert);
  } catch {
    return "its tls.crt is no certificate in PEM";
  }
  try {
    return certificate.checkPrivateKey(createPrivateKey(key))
      ? undefined
      : "its tls.key is not that of the certificate";
  } catch {
    return "its tls.key is no private key in PEM";
  }
}
