/**
 * The certificates that a peer has sent, including those from the original handshake of a resumed session.
 *
 * `getPeerX509Certificate()` of Deno 2.9.6 returns at most two of them. `getPeerCertificate(true)` returns all, but
 * parses each authority again, and never returns if two authorities have issued each other's certificate
 * (`completePeerCertificateChainFromCA` in ext/node/polyfills/_tls_wrap.js): so this code asks the underlying handle.
 */

import type { TLSSocket } from "node:tls";

interface Handle {
  getPeerCertificateChain(): { readonly certificates: readonly Uint8Array[] } | null;
}

/** As DER, the peer's own certificate first; empty when it has sent none or has disconnected. */
export function peerChainOf(socket: TLSSocket): readonly Uint8Array[] {
  const { _handle: handle } = socket as unknown as { readonly _handle: Handle | null };
  return handle?.getPeerCertificateChain()?.certificates ?? [];
}

/**
 * Prevents a client socket from calling `getPeerCertificate(true)` at the end of its handshake, for the same
 * reason. `checkServerIdentity` must use {@linkcode peerChainOf} instead of its argument.
 */
export function withoutParsedChain(socket: TLSSocket): TLSSocket {
  return Object.assign(socket, { getPeerCertificate: () => ({}) });
}
