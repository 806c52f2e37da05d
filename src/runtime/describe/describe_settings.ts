/** What a service is set to, in words. */

import type { ServiceConfig } from "../../config/config.ts";
import { describeLimits, describePeek, describeTrust } from "./describe_admission.ts";
import { firstOf, wrap } from "./describe_lines.ts";
import { describeTls, describeUpstreamTls } from "./describe_tls.ts";

/** A line, or a few, for each setting that is not off, in the order in which they matter. */
export function describeSettings(service: ServiceConfig): string[] {
  const { acceptProxyProtocol, allow, deny, tls, sendProxyProtocol, upstreamTls, sourceAddress } = service;
  const settings: [label: string, pieces: readonly string[]][] = [
    ["accept_proxy_protocol", acceptProxyProtocol ? describeTrust(acceptProxyProtocol) : []],
    ["allow", firstOf(allow)],
    ["deny", firstOf(deny)],
    ["limits", describeLimits(service.limits)],
    ["tls", tls ? describeTls(tls) : []],
    ["peek", isPeeking(service) ? describePeek(service.peek) : []],
    ["send_proxy_protocol", sendProxyProtocol === undefined ? [] : [sendProxyProtocol]],
    ["upstream_tls", upstreamTls ? describeUpstreamTls(upstreamTls) : []],
    ["source_address", sourceAddress === undefined ? [] : [sourceAddress]],
  ];
  const shown = settings.filter(([, pieces]) => pieces.length > 0);
  const width = Math.max(...shown.map(([label]) => label.length));
  return shown.flatMap(([label, pieces]) => {
    const title = `  ${label.padEnd(width)} `;
    return wrap(title, pieces, { indent: " ".repeat(title.length) });
  });
}

/** With TLS of its own, a service reads the ClientHello itself. */
function isPeeking({ routes, tls }: ServiceConfig): boolean {
  return tls === undefined && routes.some(({ sni, alpn }) => (sni ?? alpn) !== undefined);
}
