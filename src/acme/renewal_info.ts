/** When an ACME server wants a certificate renewed (ARI, RFC 9773): earlier than usual where it will be revoked. */

import { X509Certificate } from "node:crypto";
import { DER, wholeSequence } from "../wire/certificate/der.ts";
import { extensionsIn } from "../wire/certificate/certificate.ts";
import { AcmeError } from "./acme_error.ts";
import { readDirectory } from "./client.ts";
import { base64url } from "./jws.ts";
import { type AcmeTransport, objectIn } from "./transport.ts";

const AUTHORITY_KEY_ID = "2.5.29.35";
/** Of the key identifier in it. */
const KEY_ID = 0x80;
const VERSION = 0xa0;
const EXTENSIONS = 0xa3;

/** Milliseconds until the server is asked again, unless it says how long. */
const ASK_EVERY = 6 * 3_600_000;
/** The shortest and the longest such time, whatever the server says (RFC 9773 section 4.3.2). */
const ASK_LEAST = 600_000;
const ASK_MOST = 86_400_000;

/** When to renew, in milliseconds since 1970. */
export interface RenewalWindow {
  readonly start: number;
  readonly end: number;
  /** When to ask again. */
  readonly askAgainAt: number;
}

/**
 * How the server knows a certificate (RFC 9773 section 4.1); undefined without an authority key identifier.
 *
 * @param pem The certificate, the first in the text.
 */
export function certificateId(pem: string): string | undefined {
  const raw = new Uint8Array(new X509Certificate(pem).raw);
  const fields = wholeSequence(raw).inside(DER.sequence);
  fields.optional(VERSION);
  const serial = fields.read(DER.integer).content;
  const rest = fields.all((field) => field.any());
  const extension = extensionsIn(rest.find(({ tag }) => tag === EXTENSIONS)).find(({ id }) =>
    id === AUTHORITY_KEY_ID
  );
  const keyId = extension && wholeSequence(extension.content).optional(KEY_ID);
  return keyId && `${base64url(keyId.content)}.${base64url(serial)}`;
}

/**
 * Asks the server; undefined when it says nothing about renewals.
 *
 * @throws {AcmeError}
 */
export async function askRenewalWindow(
  directory: string,
  id: string,
  { transport, now }: { readonly transport: Pick<AcmeTransport, "get">; readonly now: () => number },
): Promise<RenewalWindow | undefined> {
  const { renewalInfo } = await readDirectory(directory, transport);
  if (renewalInfo === undefined) return undefined;
  const url = `${renewalInfo.replace(/\/$/, "")}/${id}`;
  const answer = await transport.get(url);
  const { suggestedWindow } = objectIn<{ suggestedWindow?: { start?: string; end?: string } }>(url, answer);
  const [start, end] = [Date.parse(suggestedWindow?.start ?? ""), Date.parse(suggestedWindow?.end ?? "")];
  if (Number.isNaN(start) || Number.isNaN(end) || end < start) {
    throw new AcmeError(`${url} has no window for the renewal`);
  }
  const pause = Math.min(Math.max(answer.retryAfter ?? ASK_EVERY, ASK_LEAST), ASK_MOST);
  return { start, end, askAgainAt: now() + pause };
}
