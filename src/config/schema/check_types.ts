/**
 * The health checks that are built in. Each is written with the keys of a file, and does nothing that a file cannot
 * say. There is none for a server whose state only a client with a password, or of a longer protocol, can see.
 */

/** PostgreSQL's startup message of the user "sluice", for its own database. */
const PG_STARTUP = "hex:0000001500030000" + "7573657200" + "736c7569636500" + "00";

/** The same for the database "postgres", then a query for `pg_is_in_recovery()`, and Terminate. */
const PG_RECOVERY = "hex:0000002700030000" + "7573657200" + "736c7569636500" + "646174616261736500" +
  "706f73746772657300" + "00" + "510000001f53454c4543542070675f69735f696e5f7265636f76657279282900" +
  "5800000004";

/** MySQL's login of the user "sluice" without a password: HandshakeResponse41. */
const MYSQL_LOGIN = "hex:3e000001" + "01820800" + "00000001" + "21" + "00".repeat(23) + "736c7569636500" +
  "00" +
  "6d7973716c5f6e61746976655f70617373776f726400";

interface CheckType {
  /** When an endpoint is up: completes "An endpoint is up if …". */
  readonly meaning: string;
  readonly check: {
    readonly port?: number;
    readonly http?: { readonly path: string };
    readonly script?: readonly (
      | { readonly send: string }
      | { readonly expect: string | { readonly contains: string } | { readonly regex: string } }
    )[];
  };
}

const TYPES = {
  redis: {
    meaning: "Redis or Valkey answers PING",
    check: { script: [{ send: "PING\r\n" }, { expect: "+PONG" }] },
  },
  redis_primary: {
    meaning: "it is a primary of Redis or Valkey, and asks for no password",
    check: { script: [{ send: "INFO replication\r\nQUIT\r\n" }, { expect: { contains: "role:master" } }] },
  },
  redis_replica: {
    meaning: "it is a replica whose link to the primary is up, and asks for no password",
    check: {
      script: [
        { send: "INFO replication\r\nQUIT\r\n" },
        { expect: { contains: "role:slave" } },
        { expect: { contains: "master_link_status:up" } },
      ],
    },
  },
  postgres: {
    meaning: "PostgreSQL takes logins: it lets the user `sluice` in, turns it away or asks for its password",
    check: { script: [{ send: PG_STARTUP }, { expect: { regex: "^R\\x00|^E[^]*\\x00C28" } }] },
  },
  postgres_primary: {
    meaning:
      "it lets the user `sluice` into the database `postgres` without a password, and is not in recovery",
    check: { script: [{ send: PG_RECOVERY }, { expect: { contains: "hex:440000000b00010000000166" } }] },
  },
  postgres_replica: {
    meaning: "the same, but it is in recovery",
    check: { script: [{ send: PG_RECOVERY }, { expect: { contains: "hex:440000000b00010000000174" } }] },
  },
  patroni_primary: {
    meaning: "Patroni says that it is the leader",
    check: { port: 8008, http: { path: "/primary" } },
  },
  patroni_replica: {
    meaning: "Patroni says that it is a replica that runs",
    check: { port: 8008, http: { path: "/replica" } },
  },
  mysql: {
    meaning: "MySQL or MariaDB greets, and answers a login of the user `sluice`, whether there is one or not",
    check: {
      script: [
        { expect: { regex: "^[^]{3}\\x00\\n" } },
        { send: MYSQL_LOGIN },
        { expect: { regex: "\\x00\\x02(\\x00\\x00\\x00|\\xff\\x15\\x04|\\xfe)" } },
        { send: "hex:0100000001" },
      ],
    },
  },
  clustercheck: {
    meaning: "clustercheck says that this node of Galera is in sync",
    check: { port: 9200, http: { path: "/" } },
  },
  smtp: {
    meaning: "a mail server greets and says goodbye",
    check: { script: [{ expect: { regex: "^220 .*\\r?\\n" } }, { send: "QUIT\r\n" }, { expect: "221" }] },
  },
  imap: {
    meaning: "an IMAP server greets and says goodbye",
    check: {
      script: [{ expect: { regex: "^\\* OK.*\\r?\\n" } }, { send: "a LOGOUT\r\n" }, {
        expect: { regex: "^a OK" },
      }],
    },
  },
  ftp: {
    meaning: "an FTP server greets and says goodbye",
    check: { script: [{ expect: { regex: "^220 .*\\r?\\n" } }, { send: "QUIT\r\n" }, { expect: "221" }] },
  },
  mqtt: {
    meaning: "a broker takes a client of MQTT 3.1.1 without user and password",
    check: {
      script: [
        { send: "hex:100c00044d5154540402003c0000" },
        { expect: "hex:20020000" },
        { send: "hex:e000" },
      ],
    },
  },
} as const satisfies Record<string, CheckType>;

export type CheckTypeName = keyof typeof TYPES;
export const CHECK_TYPES: Readonly<Record<CheckTypeName, CheckType>> = TYPES;
export const CHECK_TYPE_NAMES = Object.keys(TYPES) as CheckTypeName[];
