import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Address,
  addressKey,
  formatAddress,
  includes,
  isAbstract,
  overlaps,
  parseListenAddress,
  parseUpstreamAddress,
  systemPath,
  unixAddress,
} from "../../../src/net/address.ts";
import { faultOfUnixPath } from "../../../src/net/address_faults.ts";

Deno.test("parseListenAddress() reads every way to write an address", () => {
  const cases: [string, Address][] = [
    ["5000", { transport: "tcp", hostname: "127.0.0.1", port: 5000 }],
    ["0", { transport: "tcp", hostname: "127.0.0.1", port: 0 }],
    [":5000", { transport: "tcp", hostname: "::", port: 5000 }],
    ["0.0.0.0:65535", { transport: "tcp", hostname: "0.0.0.0", port: 65535 }],
    ["localhost:5000", { transport: "tcp", hostname: "localhost", port: 5000 }],
    ["[::1]:5000", { transport: "tcp", hostname: "::1", port: 5000 }],
    ["[fe80::1%eth0]:5000", { transport: "tcp", hostname: "fe80::1%eth0", port: 5000 }],
    ["unix:/run/a.sock", { transport: "unix", path: "/run/a.sock" }],
    ["unix:a:1", { transport: "unix", path: "a:1" }],
  ];
  for (const [text, address] of cases) assert.deepEqual(parseListenAddress(text), address, text);
});

Deno.test("parseListenAddress() refuses what is not an address", () => {
  const cases: [string, RegExp][] = [
    ["", /^Cannot parse address "": expected /],
    ["localhost", /^Cannot parse address "localhost": the port is missing, write "localhost:5432"$/],
    ["host:", /^Cannot parse address/],
    ["host:http", /^Cannot parse address/],
    ["a b:1", /^Cannot parse address/],
    ["::1:5000", /: an IPv6 address is written in brackets, \[::1\]:5432$/],
    ["[host]:5000", /^Cannot parse address/],
    ["65536", /^Cannot parse port "65536" in "65536": expected 0-65535$/],
    ["host:99999", /^Cannot parse port "99999" in "host:99999": expected 0-65535$/],
    ["unix:\0abs", /: a path has no NUL byte \(an abstract socket is written "unix:@name"\)$/],
    ["unix:", /: the path after "unix:" is missing$/],
    [`unix:/${"x".repeat(107)}`, /: a unix socket path has at most 107 bytes, this one has 108$/],
    [`unix:/${"ö".repeat(54)}`, /, this one has 109$/],
  ];
  for (const [text, message] of cases) {
    assert.throws(() => parseListenAddress(text), { name: "SyntaxError", message }, text);
  }
});

Deno.test("parseUpstreamAddress() wants a host, and a port other than 0", () => {
  assert.deepEqual(parseUpstreamAddress("db:1"), { transport: "tcp", hostname: "db", port: 1 });
  assert.throws(() => parseUpstreamAddress("5432"), {
    name: "SyntaxError",
    message: /^Cannot parse address "5432"/,
  });
  assert.throws(() => parseUpstreamAddress(":5432"), { name: "SyntaxError" });
  assert.throws(() => parseUpstreamAddress("db:0"), {
    name: "SyntaxError",
    message: 'Cannot connect to port 0 in "db:0": expected 1-65535',
  });
});

Deno.test("parseUpstreamAddress() takes a port on 127.0.0.1 with barePort", () => {
  const options = { barePort: true };
  assert.deepEqual(parseUpstreamAddress("5432", options), {
    transport: "tcp",
    hostname: "127.0.0.1",
    port: 5432,
  });
  assert.throws(() => parseUpstreamAddress("0", options), /Cannot connect to port 0/);
});

Deno.test("addressKey() is the same for host names in any case, and not for paths", () => {
  const keyOf = (text: string) => addressKey(parseListenAddress(text));
  assert.equal(keyOf("DB.internal:1"), keyOf("db.INTERNAL:1"));
  assert.equal(keyOf("[FE80::1]:1"), keyOf("[fe80::1]:1"));
  assert.notEqual(keyOf("db.internal:1"), keyOf("db.internal:2"));
  assert.notEqual(keyOf("unix:/run/DB"), keyOf("unix:/run/db"));
});

Deno.test("parseListenAddress() reverses formatAddress()", () => {
  const hostname = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain(), fc.constantFrom("localhost", "fe80::1%eth0"));
  const path = fc.string({ unit: "binary", minLength: 1, maxLength: 26 }).filter((text) =>
    text.isWellFormed() && faultOfUnixPath(text) === undefined
  );
  const address: fc.Arbitrary<Address> = fc.oneof(
    fc.record({ transport: fc.constant("tcp" as const), hostname, port: fc.integer({ min: 0, max: 65535 }) }),
    fc.record({ transport: fc.constant("unix" as const), path }),
  );
  fc.assert(fc.property(address, (each) => {
    // fast-check makes its records without a prototype.
    assert.deepEqual(parseListenAddress(formatAddress(each)), { ...each });
  }));
});

Deno.test("parseListenAddress() throws nothing but SyntaxError", () => {
  const pieces = fc.array(
    fc.constantFrom("unix:", "[", "]", ":", "::1", "a", "5000", "%", "/", " ", ".", "é"),
  );
  fc.assert(fc.property(fc.oneof(fc.string(), pieces.map((parts) => parts.join(""))), (text) => {
    for (const parse of [parseListenAddress, parseUpstreamAddress]) {
      try {
        const address = parse(text);
        assert.deepEqual(parseListenAddress(formatAddress(address)), address);
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
      }
    }
  }));
});

Deno.test("faultOfUnixPath() allows abstract sockets with a name, on Linux only", () => {
  assert.equal(faultOfUnixPath("@postgres", "linux"), undefined);
  assert.equal(faultOfUnixPath("@", "linux"), 'the name after "@" is missing');
  assert.equal(
    faultOfUnixPath("@postgres", "darwin"),
    'abstract sockets are on Linux only (the socket file is written "unix:./@postgres")',
  );
  for (const path of ["@a", "/run/a.sock", "./@a"]) {
    assert.deepEqual(unixAddress(systemPath({ transport: "unix", path })), { transport: "unix", path });
  }
  assert.equal(systemPath({ transport: "unix", path: "@a" }), "\0a");
  assert.ok(isAbstract(unixAddress("\0a")));
  assert.deepEqual(unixAddress("@a"), { transport: "unix", path: "./@a" });
});

Deno.test("includes() knows whether a listener accepts the clients of another address", () => {
  const isSo = (one: string, other: string) => includes(parseListenAddress(one), parseListenAddress(other));
  for (
    const [one, other] of [
      ["5000", "LocalHost:5000"],
      ["0.0.0.0:5000", "10.0.0.1:5000"],
      [":5000", "0.0.0.0:5000"],
      [":5000", "[::1]:5000"],
      ["unix:/run/a.sock", "unix:/run/a.sock"],
    ] as const
  ) assert.ok(isSo(one, other), `${one} ${other}`);
  for (
    const [one, other] of [
      ["10.0.0.1:5000", "0.0.0.0:5000"],
      ["0.0.0.0:5000", ":5000"],
      ["0.0.0.0:5000", "[::1]:5000"],
      [":5000", "127.0.0.1:5001"],
      [":5000", "unix:/run/a.sock"],
    ] as const
  ) assert.ok(!isSo(one, other), `${one} ${other}`);
});

Deno.test("overlaps() knows what two listeners cannot have at the same time", () => {
  const isSo = (one: string, other: string) => {
    const [a, b] = [parseListenAddress(one), parseListenAddress(other)];
    assert.equal(overlaps(a, b), overlaps(b, a));
    return overlaps(a, b);
  };
  for (
    const [one, other] of [
      ["5000", "LocalHost:5000"],
      ["[::1]:5000", "[0:0::1]:5000"],
      ["10.0.0.1:5000", "[::ffff:10.0.0.1]:5000"],
      ["0.0.0.0:5000", "10.0.0.1:5000"],
      [":5000", "0.0.0.0:5000"],
      [":5000", "[fe80::1%eth0]:5000"],
      ["unix:/run/a.sock", "unix:/run/a.sock"],
    ] as const
  ) assert.ok(isSo(one, other), `${one} ${other}`);
  for (
    const [one, other] of [
      ["5000", "5001"],
      ["0", "0"],
      ["127.0.0.1:5000", "127.0.0.2:5000"],
      ["0.0.0.0:5000", "[::1]:5000"],
      ["[fe80::1%eth0]:5000", "[fe80::1%eth1]:5000"],
      [":5000", "db.internal:5000"],
      ["unix:/run/a.sock", "unix:/run/A.sock"],
    ] as const
  ) assert.ok(!isSo(one, other), `${one} ${other}`);
});

Deno.test("parseUpstreamAddress() says what is wrong with what people type", () => {
  const cases: [text: string, fault: string][] = [
    ["localhost", 'the port is missing, write "localhost:5432"'],
    ["[::1]", 'the port is missing, write "[::1]:5432"'],
    ["5432", 'the host is missing, write "127.0.0.1:5432" for this machine'],
    [":5432", 'the host is missing, write "127.0.0.1:5432" for this machine'],
    ["5000:5432", 'two ports are two keys, "listen: 5000" and "upstream: 127.0.0.1:5432"'],
    ["0.0.0.0:5000:5432", 'two ports are two keys, "listen: 0.0.0.0:5000" and "upstream: 127.0.0.1:5432"'],
    ["/run/db.sock", 'a unix socket is written with "unix:" before its path, "unix:/run/db.sock"'],
    ["UNIX:/run/db.sock", '"unix:" is written in small letters'],
    ["@name", 'an abstract socket is written "unix:@name"'],
    ["db:postgres", '"postgres" is no port, expected a number such as 5432'],
    ["db:5432 ", "there is a space before or after it"],
    ["db1:5432, db2:5432", "several addresses are written as a list, [db1:5432, db2:5432]"],
    ["$DB_HOST:5432", 'a variable of a configuration file is written in braces, "${DB_HOST}"'],
    ["db,internal:5432", '"," cannot be in the name of a host'],
    ["user@db:5432", '"@" cannot be in the name of a host'],
    ["*:5000", 'write "0.0.0.0", or ":port", for all addresses'],
    ["256.0.0.1:80", '"256.0.0.1" is no IPv4 address, which has four numbers from 0 to 255'],
    ["10.0.0:80", '"10.0.0" is no IPv4 address, which has four numbers from 0 to 255'],
    ["db..internal:80", '"db..internal" has nothing between two dots'],
    ["::1:5432", "an IPv6 address is written in brackets, [::1]:5432"],
    ["fe80::1%eth0:80", "an IPv6 address is written in brackets, [::1]:5432"],
    ["db:5432/name", 'expected "host:port", "[v6]:port" or "unix:/path", and nothing after the port'],
    [`${"a".repeat(64)}:1`, "a part of a host's name has at most 63 characters"],
    [`${"a.".repeat(127)}b:1`, "the name of a host has at most 253 characters"],
  ];
  for (const [text, fault] of cases) {
    const message = `Cannot parse address "${text}": ${fault}`;
    assert.throws(() => parseUpstreamAddress(text), { name: "SyntaxError", message }, text);
  }
});

Deno.test("parseUpstreamAddress() takes host and port out of a URL, and repeats no password", () => {
  const cases: [url: string, meant: string][] = [
    ["http://db:5432", "db:5432"],
    ["https://db.internal/path?a=b", "db.internal:443"],
    ["postgres://me:hunter2@db/name", "db:5432"],
    ["redis://:hunt@er2@cache:6380/0", "cache:6380"],
    ["tcp://[::1]:80", "[::1]:80"],
    ["what://", "db.internal:5432"],
  ];
  for (const [url, meant] of cases) {
    const scheme = url.slice(0, url.indexOf(":"));
    const message =
      `Cannot use a URL as an address: leave "${scheme}://" out, and all but host and port, write "${meant}"`;
    assert.throws(() => parseUpstreamAddress(url), { name: "SyntaxError", message }, url);
  }
});

Deno.test("parseUpstreamAddress() takes names as they are used", () => {
  for (
    const host of [
      "db",
      "db.",
      "my_db",
      "a-b.c",
      "1st.example",
      "xn--bcher-kva.example",
      "bücher.example",
      "10.0.0.1",
    ]
  ) {
    assert.deepEqual(parseUpstreamAddress(`${host}:1`), { transport: "tcp", hostname: host, port: 1 });
  }
});
