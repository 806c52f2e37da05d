/**
 * The certificates that a peer has sent, also those of the handshake that a resumed session began with.
 *
 * `getPeerX509Certificate()` of Deno 2.9.6 has two of them at most. `getPeerCertificate(true)` has all, but parses each
 * authority again, and never returns where two authorities have issued each other's certificate
 * (`completePeerCertificateChainFromCA` in ext/node/polyfills/_tls_wrap.js): so this asks the handle below.
 */

import type { TLSSocket } from "node:tls";

interface Handle {
  getPeerCertificateChain(): { readonly certificates: readonly Uint8Array[] } | null;
}

/** As DER, the peer's own certificate first; empty when it has sent none, or is gone. */
export function peerChainOf(socket: TLSSocket): readonly Uint8Array[] {
  const { _handle: handle } = socket as unknown as { readonly _handle: Handle | null };
  return handle?.getPeerCertificateChain()?.certificates ?? [];
}

/**
 * Keeps a client's socket from doing `getPeerCertificate(true)` at the end of its handshake, for the same reason. What
 * it would give to `checkServerIdentity` is to be asked for with {@linkcode peerChainOf}.
 */
export function withoutParsedChain(socket: TLSSocket): TLSSocket {
  return Object.assign(socket, { getPeerCertificate: () => ({}) });
}
