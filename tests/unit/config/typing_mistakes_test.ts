/** Typing mistakes and their messages, word for word, so that a change of a message shows the text that users read. */

import assert from "node:assert/strict";
import { ConfigError } from "../../../src/config/config_error.ts";
import { ConfigFile } from "../../../src/config/load.ts";

/** A file, and the lines of its error: line, column, path and message. */
const TYPED: [text: string, ...problems: string[]][] = [
  [
    `services:
  - name: a
    listen:5000
    upstream: db:1
`,
    '3:5: Cannot parse YAML: a space is missing after "listen:"',
  ],
  [
    `services:
  - name: a
    listen: 5000
    upstream:db:1
`,
    '4:5: Cannot parse YAML: a space is missing after "upstream:"',
  ],
  [
    `services:
  - name:a
    listen: 5000
    upstream: db:1
`,
    '2:5: Cannot parse YAML: a space is missing after "name:"',
  ],
  [
    `services:
  - name: a
    listen: 5000
    upstream: @foo
`,
    '4:15: Cannot parse YAML: a value cannot begin with "@", "`" or "%", write quotes around it; an abstract socket is "unix:@name"',
  ],
  [
    `services:
  - name: a: b
    listen: 5000
    upstream: db:1
`,
    '2:12: Cannot parse YAML: a ":" with a space behind it is in this line twice, write the value in quotes, or one key in each line',
  ],
  [
    `services:
  - name: a
    listen: 5000
    upstream: localhost
`,
    '4:15: services[0].upstream: Cannot parse address "localhost": the port is missing, write "localhost:5432"',
  ],
  [
    `services:
  - name: a
    listen: 5000
    upstream: http://db:5432
`,
    '4:15: services[0].upstream: Cannot use a URL as an address: leave "http://" out, and all but host and port, write "db:5432"',
  ],
  [
    `services:
  - name: a
    listen: 5000
    upstream: http://db.internal/path
`,
    '4:15: services[0].upstream: Cannot use a URL as an address: leave "http://" out, and all but host and port, write "db.internal:80"',
  ],
  [
    `services:
  - name: a
    listen: tcp://0.0.0.0:5000
    upstream: postgres://u:secret@db/x
`,
    '3:13: services[0].listen: Cannot use a URL as an address: leave "tcp://" out, and all but host and port, write "0.0.0.0:5000"',
    '4:15: services[0].upstream: Cannot use a URL as an address: leave "postgres://" out, and all but host and port, write "db:5432"',
  ],
  [
    `services:
  - name: a
    listen: 5000:5432
    upstream: db:1
`,
    '3:13: services[0].listen: Cannot parse address "5000:5432": two ports are two keys, "listen: 5000" and "upstream: 127.0.0.1:5432"',
  ],
  [
    `services:
  - name: a
    listen: 5000
    upstream: 5000:5432
`,
    '4:15: services[0].upstream: Cannot parse address "5000:5432": two ports are two keys, "listen: 5000" and "upstream: 127.0.0.1:5432"',
  ],
  [
    `services:
  - name: a
    listen: 5000
    upstream: 5432
`,
    '4:15: services[0].upstream: Cannot parse address "5432": the host is missing, write "127.0.0.1:5432" for this machine',
  ],
  [
    `services:
  - name: a
    listen: 5000
    upstream: { endpoints: ["db:1"], balance: roundrobin }
`,
    '4:47: services[0].upstream.balance: Expected "round_robin", "least_connections", "random_two" or "source_hash", got "roundrobin": did you mean "round_robin"?',
  ],
  [
    `services:
  - name: a
    listen: 5000
    upstream: { endpoints: ["db:1"], balance: leastconn }
`,
    '4:47: services[0].upstream.balance: Expected "round_robin", "least_connections", "random_two" or "source_hash", got "leastconn": did you mean "least_connections"?',
  ],
  [
    `services:
  - name: a
    listen: 5000
    upstream: db:1
    timeout: 5s
`,
    '5:5: services[0].timeout: Unknown key "timeout": did you mean "connect_timeout", "idle_timeout" or "half_close_timeout"?',
  ],
  [
    `services:
  - name: a
    listen: 5000
    upstream: db:1
    connect_timeout:
`,
    '5:5: services[0].connect_timeout: Expected a duration such as "5s", got nothing: the value after "connect_timeout:" is missing',
  ],
  [
    `services:
  - name: a
    listen: 5000
    upstream: db:1
    proxy_protocol: v2
`,
    '5:5: services[0].proxy_protocol: Unknown key "proxy_protocol": did you mean "accept_proxy_protocol" or "send_proxy_protocol"?',
  ],
  [
    `services:
  - name: a
    listen: 5000
    upstream: $DB_HOST:5432
`,
    '4:15: services[0].upstream: Cannot parse address "$DB_HOST:5432": a variable of a configuration file is written in braces, "${DB_HOST}"',
  ],
  [
    `services:
  - name: a
    listen: 5000
    upstream: db,internal:5432
`,
    '4:15: services[0].upstream: Cannot parse address "db,internal:5432": "," cannot be in the name of a host',
  ],
  [
    `services:
  - name: a
    listen: "*:5000"
    upstream: db:1
`,
    '3:13: services[0].listen: Cannot parse address "*:5000": write "0.0.0.0", or ":port", for all addresses',
  ],
  [
    `services:
  - name: a
    listen: *:5000
    upstream: db:1
`,
    '3:19: Cannot parse YAML: unidentified alias ":5000", write a value that begins with "*" in quotes',
  ],
  [
    `services:
\t- name: a
\t  listen: 5000
`,
    "2:1: Cannot parse YAML: this line begins with a tab, indent with spaces",
  ],
  [
    `services:
  - name: a
    listen: 5000
    upstream: db:1
  \tidle_timeout: 5s
`,
    "5:3: Cannot parse YAML: this line begins with a tab, indent with spaces",
  ],
  [
    `services:
  - name: a
    listen: 5000
    tls:
\tcert: a
`,
    "5:1: Cannot parse YAML: this line begins with a tab, indent with spaces",
  ],
  [
    `services:
  -\tname: a
  \tlisten: 5000
`,
    "3:3: Cannot parse YAML: this line begins with a tab, indent with spaces",
  ],
  [
    `services:
  - name: a
    listen: 0.0.0.0
    upstream: db:1
`,
    '3:13: services[0].listen: Cannot parse address "0.0.0.0": the port is missing, write "0.0.0.0:5432"',
  ],
  [
    `services:
  name: a
  listen: 5000
`,
    '1:1: services: Expected a list of services, got a mapping: begin each of them with "- "',
  ],
  [
    `service:
  - name: a
    listen: 5000
    upstream: db:1
`,
    '1:1: service: Unknown key "service": did you mean "services"?',
  ],
  [
    `services:
  - name: a
    listen: 5000
    upstream: db.internal:postgres
`,
    '4:15: services[0].upstream: Cannot parse address "db.internal:postgres": "postgres" is no port, expected a number such as 5432',
  ],
  [
    `services:
  - name: a
    listen: 5000
    upstream: "db:5432 "
`,
    '4:15: services[0].upstream: Cannot parse address "db:5432 ": there is a space before or after it',
  ],
  [
    `services:
  - name: a
    listen: 5000
    upstream: db:5432, db2:5432
`,
    '4:15: services[0].upstream: Cannot parse address "db:5432, db2:5432": several addresses are written as a list, [db1:5432, db2:5432]',
  ],
  [
    `services:
  - name: a
    listen: localhost:70000
    upstream: ::1:5432
`,
    '3:13: services[0].listen: Cannot parse port "70000" in "localhost:70000": expected 0-65535',
    '4:15: services[0].upstream: Cannot parse address "::1:5432": an IPv6 address is written in brackets, [::1]:5432',
  ],
  [
    `services:
  - name: a
    listen: 5000
    upstream: db:1
    reset: true
    nodelay: yes
    keepalive: on
    buffer_size: 64K
    idle_timeout: 30 s
`,
    '5:12: services[0].reset: Expected "close" or "pass", got true',
    '6:14: services[0].nodelay: Expected true or false, got "yes": did you mean "true"?',
    '7:16: services[0].keepalive: Expected true, false or a duration of at least "1s", got "on": did you mean "true"?',
    '8:18: services[0].buffer_size: Cannot parse size "64K": did you mean "64KiB"?',
    '9:19: services[0].idle_timeout: Cannot parse duration "30 s": did you mean "30s"?',
  ],
  [
    `log: { level: warning, format: JSON }
workers: all
services:
  - name: a
    listen: 5000
    upstream: db:1
    send_proxy_protocol: true
    tls: { cert: a, key: b, min_version: 1.1, client_auth: optional }
`,
    '1:15: log.level: Expected "debug", "info", "warn" or "error", got "warning": did you mean "warn"?',
    '1:32: log.format: Expected "text" or "json", got "JSON": did you mean "json"?',
    '2:10: workers: Expected a whole number from 1 to 256, or "auto", got "all"',
    '7:26: services[0].send_proxy_protocol: Expected "v1" or "v2", got true',
    '8:42: services[0].tls.min_version: Expected "1.2" or "1.3", got 1.1',
    '8:60: services[0].tls.client_auth: Expected "require", "request" or "none", got "optional"',
  ],
  [
    `services:
  - name: my service
    listen: 5000
    upstream: db:1
`,
    '2:11: services[0].name: Expected a name of 1 to 64 printable characters without spaces, got "my service": did you mean "my-service"?',
  ],
  [
    `services:
  - name: a
    port: 5000
    target: db:1
`,
    '3:5: services[0].port: Unknown key "port": did you mean "listen"?',
    '4:5: services[0].target: Unknown key "target": did you mean "upstream"?',
  ],
  [
    `services:
  - name: a
    listen: 5000
    upstream: /run/db.sock
`,
    '4:15: services[0].upstream: Cannot parse address "/run/db.sock": a unix socket is written with "unix:" before its path, "unix:/run/db.sock"',
  ],
  [
    `services:
  - name: a
    listen: 5000
    upstream: db:1
    allow: 10.0.0.0/8, 192.168.0.0/16
`,
    '5:12: services[0].allow: Cannot parse "10.0.0.0/8, 192.168.0.0/16": several addresses are written as a list, [10.0.0.0/8, 192.168.0.0/16]',
  ],
  [
    `services:
  - name: a
    listen: 5000
    upstream: db:1
    allow: 10.0.0.0 / 8
`,
    '5:12: services[0].allow: Cannot parse "10.0.0.0 / 8": expected an address or block such as 10.0.0.0/8',
  ],
  [
    `services:
- name: a
  listen: 5000
  upstream: db:1
 - name: b
`,
    "5:2: Cannot parse YAML: bad indentation of a sequence entry",
  ],
  [
    `{
`,
    "1:1: Cannot parse YAML: what begins here has no end, a bracket or quote is missing",
  ],
  [
    `services:
  - { name: a, listen: 5000, upstream: db:1
`,
    "2:5: Cannot parse YAML: what begins here has no end, a bracket or quote is missing",
  ],
  [
    `services:
  - name: "a
    listen: 5000
`,
    "2:11: Cannot parse YAML: what begins here has no end, a bracket or quote is missing",
  ],
  [
    `services:
  - name: a
    listen: [5000
    upstream: db:1
`,
    "4:5: Cannot parse YAML: missed comma between flow collection entries",
  ],
  [
    `{
\t"services": [
\t\t{ "name": "a", "listen": 5000, "upstrem": "db:1" }
\t]
}
`,
    '3:34: services[0].upstrem: Unknown key "upstrem": did you mean "upstream"?',
  ],
  [
    `admin:
  listen:9000
services:
  - name: a
    listen: 5000
    upstream: db:1
`,
    '2:3: admin: Expected a mapping such as "listen: 127.0.0.1:9000", got "listen:9000": a space is missing after "listen:"',
  ],
  [
    `services:
  - name: a
    listen: 5000
    upstream: db:1
    limits: { connection: 5, upload: 10MB }
    alpn: h2
    idle-timeout: 5 min
    connect_timeout: 2sec
`,
    '5:15: services[0].limits.connection: Unknown key "connection": did you mean "connections"?',
    '5:38: services[0].limits.upload: Cannot parse rate "10MB": did you mean "10MB/s"?',
    '6:5: services[0].alpn: Unknown key "alpn": it is a key of "tls", "routes" or "upstream_tls"',
    '7:5: services[0].idle-timeout: Unknown key "idle-timeout": did you mean "idle_timeout"?',
    '8:22: services[0].connect_timeout: Cannot parse duration "2sec": did you mean "2s"?',
  ],
  [
    `services:
  - name: 5
    listen: 5000
    upstream: { servers: [db:1], lb_policy: rr }
    routes:
      - { sni: shop.example.com, alpn: "h2, http/1.1", upstream: [db:2] }
      - { alpn: "*", upstream: [db:2] }
`,
    '2:11: services[0].name: Expected a name of 1 to 64 printable characters without spaces, got 5: did you mean "5"?',
    '4:17: services[0].upstream.servers: Unknown key "servers": did you mean "endpoints"?',
    '4:34: services[0].upstream.lb_policy: Unknown key "lb_policy": did you mean "balance"?',
    '6:40: services[0].routes[0].alpn: Cannot use "h2, http/1.1" as a protocol: several are written as a list, [h2, http/1.1]',
    '7:17: services[0].routes[1].alpn: Cannot use "*" as a protocol: leave alpn out for any',
  ],
];

for (const [text, ...problems] of TYPED) {
  Deno.test(`ConfigFile.load() says what is meant by ${JSON.stringify(text)}`, async () => {
    const path = await Deno.makeTempFile({ suffix: ".yaml" });
    try {
      await Deno.writeTextFile(path, text);
      await assert.rejects(new ConfigFile(path, () => undefined).load(), (error) => {
        assert.ok(error instanceof ConfigError);
        assert.deepEqual(error.lines.map((line) => line.replace(`${path}:`, "")), problems);
        return true;
      });
    } finally {
      await Deno.remove(path);
    }
  });
}
