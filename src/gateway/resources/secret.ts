/** Secrets with a certificate and its key (kubernetes.io/tls). */

import { createHash } from "node:crypto";
import { parseCredentials } from "../../net/tls/credentials.ts";
import { CredentialsError } from "../../net/tls/pem.ts";
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

/** Checking a key takes a millisecond, and most objects stay. Only good ones, until they expire. */
const read = new WeakMap<JsonObject, { readonly pair: KeyPair; readonly expiresAt: Date }>();

/** @param now When the certificate must be valid. */
export function readKeyPair(object: JsonObject, now = new Date()): PairOrProblem {
  const known = read.get(object);
  if (known !== undefined && known.expiresAt > now) return known.pair;
  const data = objectOf(object.data);
  const [cert, key] = [textIn(data["tls.crt"]), textIn(data["tls.key"])];
  if (cert === undefined) return "it has no tls.crt";
  if (key === undefined) return "it has no tls.key";
  try {
    // As the files will be checked: what is refused there would keep the whole port from being served.
    const { expiresAt } = parseCredentials({ cert: "tls.crt", key: "tls.key" }, { cert, key }, { now });
    const id = createHash("sha256").update(`${cert}\0${key}`).digest("hex").slice(0, 32);
    const pair = { id, cert, key };
    read.set(object, { pair, expiresAt });
    return pair;
  } catch (error) {
    if (error instanceof CredentialsError) return error.message;
    throw error;
  }
}

function textIn(value: unknown): string | undefined {
  const encoded = textOf(value);
  try {
    return encoded === undefined ? undefined : new TextDecoder().decode(Uint8Array.fromBase64(encoded));
  } catch {
    return undefined;
  }
}
