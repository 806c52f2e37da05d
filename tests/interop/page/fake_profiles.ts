/** The services and upstreams of fake_backend.ts: an office with databases, caches and mail. */

import type { EndpointView, ServiceView, UpstreamView } from "../../../src/admin/views.ts";

export interface ServiceSketch extends Omit<ServiceView, "state" | "connections" | "faults"> {
  readonly limit: number | null;
  readonly failed: number;
  /** Connections that have ended before the page sees anything. */
  readonly closed: number;
  /** Its share of all open connections. */
  readonly share: number;
  /** Per second: bytes in both directions, the share of upload in them, and connections that end while others begin. */
  readonly rate: number;
  readonly upload: number;
  readonly churn: number;
  /** How slowly its rates rise and fall: they follow the sine of the time divided by this, in milliseconds. */
  readonly rhythm: number;
}

const DAY = 86_400_000;

export const SERVICES: readonly ServiceSketch[] = [
  {
    name: "mysql",
    listen: ["0.0.0.0:3306", "[::]:3306"],
    upstreams: ["databases"],
    limit: 5000,
    failed: 4,
    failed_by: {},
    refused_by: { access_denied: 61, connection_limit: 7 },
    closed_by: {
      client_closed: 183_204,
      upstream_closed: 411,
      idle_timeout: 38,
      upstream_connection_reset: 3,
    },
    bytes: { upload: 48_311_040_112, download: 618_552_576_004 },
    tls: null,
    closed: 183_656,
    share: 0.56,
    rate: 21_000_000,
    upload: 0.12,
    churn: 3,
    rhythm: 9000,
  },
  {
    name: "redis",
    listen: ["127.0.0.1:6379"],
    upstreams: ["sessions", "caches"],
    limit: null,
    failed: 0,
    failed_by: {},
    refused_by: {},
    closed_by: { client_closed: 1_204_117 },
    bytes: { upload: 93_118_040_112, download: 81_004_576_004 },
    tls: null,
    closed: 1_204_117,
    share: 0.4,
    rate: 3_400_000,
    upload: 0.48,
    churn: 9,
    rhythm: 4000,
  },
  {
    name: "smtp",
    listen: ["0.0.0.0:465"],
    upstreams: ["mail"],
    limit: 200,
    failed: 219,
    failed_by: {},
    refused_by: { client_rate_limit: 18_402, access_denied: 530, connection_limit: 12 },
    closed_by: {
      client_closed: 40_218,
      upstream_closed: 9_120,
      client_connection_reset: 1_204,
      idle_timeout: 77,
    },
    bytes: { upload: 9_311_040_112, download: 611_204_118 },
    tls: {
      certificates: [{
        route: null,
        subject: "CN=mail.example.com",
        names: ["mail.example.com"],
        expires_at: new Date(Date.now() + 11.5 * DAY).toISOString(),
      }],
      crls: [],
    },
    closed: 50_619,
    share: 0.03,
    rate: 260_000,
    upload: 0.94,
    churn: 0.7,
    rhythm: 2500,
  },
  {
    name: "reporting",
    listen: ["127.0.0.1:5432"],
    upstreams: ["warehouse"],
    limit: 50,
    failed: 0,
    failed_by: {},
    refused_by: {},
    closed_by: { client_closed: 41 },
    bytes: { upload: 118_204, download: 2_611_204_118 },
    tls: null,
    closed: 41,
    share: 0.001,
    rate: 900,
    upload: 0.3,
    churn: 0,
    rhythm: 15_000,
  },
];

export const UPSTREAMS: readonly UpstreamView[] = [
  {
    name: "databases",
    balance: "least_connections",
    stick: null,
    pool: { idle: 12, hits: 171_330, misses: 12_330, expired: 904, lost: 2 },
    queue: { length: 14, waited: 2_207, timeouts: 31, refused: 0 },
    waiting: 0,
    discovery: null,
    endpoints: [
      endpoint("10.20.1.11:3306", { weight: 2, max_connections: 2500, connects: 91_220 }),
      endpoint("10.20.1.12:3306", { weight: 2, max_connections: 2500, connects: 91_004, failures: 3 }),
      endpoint("10.20.9.40:3306", { tier: 1, backup: true, max_connections: 500, connects: 12, failures: 1 }),
    ],
  },
  {
    name: "sessions",
    balance: "source_hash",
    stick: null,
    pool: null,
    queue: null,
    waiting: 0,
    discovery: null,
    endpoints: [endpoint("10.20.2.21:6379", { connects: 610_404 })],
  },
  {
    name: "caches",
    balance: "random_two",
    stick: null,
    pool: null,
    queue: null,
    waiting: 0,
    discovery: {
      source: "consul",
      from: "Consul (service caches at http://127.0.0.1:8500)",
      last_success: "2026-03-01T09:00:00.000Z",
      failures: 0,
      error: null,
    },
    endpoints: [
      endpoint("10.20.2.31:6379", { connects: 210_118 }),
      endpoint("10.20.2.32:6379", { connects: 204_980, failures: 117, state: "ejected" }),
      endpoint("[fd12:3456:789a::33]:6379", { connects: 178_615, admin: "drain" }),
    ],
  },
  {
    name: "mail",
    balance: "round_robin",
    stick: null,
    pool: null,
    queue: null,
    waiting: 0,
    discovery: null,
    endpoints: [
      endpoint("mail-a.office.example.com:465", { connects: 50_838 }),
      endpoint("mail-b.office.example.com:465", {
        connects: 9_120,
        failures: 219,
        state: "down",
        check: {
          result: "bad",
          cause: 'answered "421 4.3.2 Service not available\\r\\n" instead of "220 "',
          duration_ms: 12,
          at: "2026-03-01T09:00:00.000Z",
        },
      }),
    ],
  },
  {
    name: "warehouse",
    balance: "round_robin",
    stick: null,
    pool: null,
    queue: null,
    waiting: 0,
    discovery: null,
    endpoints: [endpoint("unix:/run/warehouse/postgres.sock", { state: "unknown", connects: 41 })],
  },
];

function endpoint(address: string, more: Partial<EndpointView>): EndpointView {
  return {
    address,
    state: "up",
    admin: "up",
    weight: 1,
    tier: 0,
    backup: false,
    active: 0,
    max_connections: null,
    connects: 0,
    failures: 0,
    check: null,
    ...more,
  };
}
