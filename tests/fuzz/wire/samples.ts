/** What is right, of every kind: what is mutated begins with one of these. */

import { clientHello } from "../../support/bytes/client_hellos.ts";
import { HEADERS } from "../../support/bytes/proxy_header_cases.ts";
import { bytesOf } from "../../support/bytes/proxy_headers.ts";
import {
  alternativeNames,
  authority,
  commonName,
  dnsName,
  issue,
  nameOf,
  organization,
  SERVER_AUTH,
  usableFor,
} from "../../support/bytes/certificate_bytes.ts";

export const HELLOS: readonly Uint8Array[] = [
  clientHello(),
  clientHello({ sni: "fuzz.test" }),
  clientHello({ sni: "other.test", alpn: ["h2", "http/1.1"] }),
  clientHello({ sni: "fuzz.test", alpn: ["h2"], padding: 500, record: 60 }),
  clientHello({ sni: "a.very.long.name.that.is.asked.for.test", record: 1 }),
];

export const PROXY_HEADERS: readonly Uint8Array[] = HEADERS.map(([, header]) => bytesOf(header));

/** Records of TLS that come instead of a ClientHello, or after it. */
export const RECORDS: readonly Uint8Array[] = [
  ...HELLOS,
  // A warning, close_notify, a fatal alert; ChangeCipherSpec; data; a record of the largest length.
  Uint8Array.of(21, 3, 3, 0, 2, 1, 0),
  Uint8Array.of(21, 3, 3, 0, 2, 2, 40),
  Uint8Array.of(20, 3, 3, 0, 1, 1),
  Uint8Array.of(23, 3, 3, 0, 5, 1, 2, 3, 4, 5),
  Uint8Array.of(22, 3, 1, 0x40, 0, ...new Uint8Array(0x4000)),
];

const HEAD = "Host: localhost\r\nAuthorization: Bearer fuzz-fuzz-fuzz\r\n";
const BODY = '{"state":"up"}';

export const REQUESTS: readonly Uint8Array[] = [
  `GET /metrics HTTP/1.1\r\n${HEAD}\r\n`,
  `GET /api/v1/connections?sort=-age&limit=10&filter=x HTTP/1.1\r\n${HEAD}\r\n`,
  `GET /readyz HTTP/1.0\r\n\r\n`,
  `DELETE /api/v1/connections/999999 HTTP/1.1\r\n${HEAD}\r\n`,
  `POST /api/v1/upstreams/echo/127.0.0.2%3A1 HTTP/1.1\r\n${HEAD}Content-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`,
  `POST /api/v1/reload HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n`,
  `GET /api/v1/events?stats=0 HTTP/1.1\r\n${HEAD}Connection: close\r\n\r\n`,
  `OPTIONS * HTTP/1.1\r\n${HEAD}\r\nGET / HTTP/1.1\r\n${HEAD}\r\n`,
].map((text) => new TextEncoder().encode(text));

/** In DER. */
export function certificates(): Uint8Array[] {
  const root = authority();
  const name = nameOf([organization("x\nCN=admin")], [commonName("bob"), organization("y")]);
  return [
    root.raw,
    issue({
      subject: "leaf.test",
      extensions: [alternativeNames(dnsName("leaf.test")), usableFor(SERVER_AUTH)],
    }, root).raw,
    issue({ subject: name }, root).raw,
    issue({ subject: "old.test", version: 1 }, root).raw,
  ];
}

/** Configurations that are right. */
export function configurations(): Uint8Array[] {
  const root = new URL("../../../", import.meta.url);
  const valid = new URL("tests/config/valid/", root);
  const files = [...Deno.readDirSync(valid)].filter(({ name }) => name.endsWith(".yaml"))
    .map(({ name }) => new URL(name, valid)).sort();
  return [new URL("config.example.yaml", root), ...files].map((file) => Deno.readFileSync(file));
}
