/** The protocols that routes can ask for. To add one, write its file and its line here. */

import { amqp } from "./amqp.ts";
import { dns } from "./dns.ts";
import { http } from "./http.ts";
import { http2 } from "./http2.ts";
import { ldap } from "./ldap.ts";
import type { Protocol } from "./look.ts";
import { mongodb } from "./mongodb.ts";
import { mqtt } from "./mqtt.ts";
import { mssql } from "./mssql.ts";
import { postgres } from "./postgres.ts";
import { proxy } from "./proxy.ts";
import { rdp } from "./rdp.ts";
import { redis } from "./redis.ts";
import { rtsp } from "./rtsp.ts";
import { socks4 } from "./socks4.ts";
import { socks5 } from "./socks5.ts";
import { ssh } from "./ssh.ts";
import { stun } from "./stun.ts";
import { tls } from "./tls.ts";
import { xmpp } from "./xmpp.ts";

export const PROTOCOLS = {
  tls,
  http,
  http2,
  ssh,
  postgres,
  redis,
  mongodb,
  mssql,
  mqtt,
  amqp,
  rdp,
  ldap,
  dns,
  xmpp,
  rtsp,
  stun,
  socks4,
  socks5,
  proxy,
} satisfies Readonly<Record<string, Protocol>>;

export type ProtocolName = keyof typeof PROTOCOLS;

/** The protocol that a connection speaks whose first bytes are these, if one is certain. */
export function protocolOf(bytes: Uint8Array): ProtocolName | undefined {
  return PROTOCOL_NAMES.find((name) => PROTOCOLS[name].look(bytes) === "match");
}

export const PROTOCOL_NAMES = Object.keys(PROTOCOLS) as readonly ProtocolName[];
