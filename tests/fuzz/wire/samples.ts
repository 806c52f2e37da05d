/** Valid inputs of every kind, from which mutants are made. */

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

export const SSL_REQUEST = Uint8Array.of(0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f);

/** What comes before TLS in PostgreSQL, SMTP and IMAP, from either side. */
export const BEFORE_TLS: readonly Uint8Array[] = [
  SSL_REQUEST,
  Uint8Array.of(0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30, ...SSL_REQUEST),
  Uint8Array.of(0, 0, 0, 16, 0x04, 0xd2, 0x16, 0x2e, 1, 2, 3, 4, 5, 6, 7, 8),
  ...[
    "\0\0\0\x11\0\x03\0\0user\0a\0\0\0",
    "S",
    "EHLO a\r\nNOOP\r\nSTARTTLS\r\nMAIL FROM:<a@b>\r\n",
    "220-a\r\n220 b\r\n250-a\r\n250-SIZE\r\n250 STARTTLS\r\n220 Go\r\n",
    "a CAPABILITY\r\nb STARTTLS\r\nc LOGIN a b\r\n",
    "* OK [CAPABILITY IMAP4rev1 STARTTLS] Hi\r\n* a\r\ntls OK Go\r\n",
  ].map((text) => new TextEncoder().encode(text)),
];

/** TLS records that may come instead of a ClientHello, or after it. */
export const RECORDS: readonly Uint8Array[] = [
  ...HELLOS,
  // A warning, close_notify, a fatal alert; ChangeCipherSpec; data; a record of the largest length.
  Uint8Array.of(21, 3, 3, 0, 2, 1, 0),
  Uint8Array.of(21, 3, 3, 0, 2, 2, 40),
  Uint8Array.of(20, 3, 3, 0, 1, 1),
  Uint8Array.of(23, 3, 3, 0, 5, 1, 2, 3, 4, 5),
  Uint8Array.of(22, 3, 1, 0x40, 0, ...new Uint8Array(0x4000)),
];

/** The same, and names that are allowed where clients choose the host, or that are addresses. */
export const NAMED_RECORDS: readonly Uint8Array[] = [
  ...RECORDS,
  ...["localhost", "LOCALHOST.", "127.0.0.1", "0x7f000001", "::1"].map((sni) => clientHello({ sni })),
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

/** Certificates, as DER. */
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

/** Valid configurations. */
export function configurations(): Uint8Array[] {
  const root = new URL("../../../", import.meta.url);
  const valid = new URL("tests/config/valid/", root);
  const files = [...Deno.readDirSync(valid)].filter(({ name }) => name.endsWith(".yaml"))
    .map(({ name }) => new URL(name, valid)).sort();
  return [new URL("config.example.yaml", root), ...files].map((file) => Deno.readFileSync(file));
}

/** Answers to health checks, in every framing. */
export const HTTP_ANSWERS: readonly Uint8Array[] = [
  "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ngood",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\ngo\r\n2\r\nod\r\n0\r\n\r\n",
  "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Service Unavailable\r\n\r\nbad",
  "HTTP/1.0 204 No Content\n\n",
].map((text) => new TextEncoder().encode(text));
