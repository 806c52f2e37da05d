import assert from "node:assert/strict";
import type { Config } from "../../../../src/config/config.ts";
import { decodeConfig } from "../../../../src/config/decode.ts";
import { parseQuickForm } from "../../../../src/config/input/quick.ts";
import { formatAddress } from "../../../../src/net/address.ts";

Deno.test("parseQuickForm() decodes like a file with the same services", () => {
  const args = ["5000=db.internal:5432", "127.0.0.1:6379=unix:/run/redis.sock", ":25=[::1]:2525"];
  const services = [
    { name: "5000", listen: "5000", upstream: "db.internal:5432" },
    { name: "127.0.0.1:6379", listen: "127.0.0.1:6379", upstream: "unix:/run/redis.sock" },
    { name: ":25", listen: ":25", upstream: "[::1]:2525" },
  ];
  assert.deepEqual(parseQuickForm(args), decodeConfig({ services }));
});

Deno.test("parseQuickForm() gives the service faults as a file has them", () => {
  const args = [
    "latency,latency=200ms,jitter=50ms,direction=both,first=2,enabled=false,probability=0.5",
    "type=bandwidth,rate=64KiB/s,client=10.0.0.1,client=10.1.0.0/16,match=a=b",
    "down",
  ];
  const faults = [
    {
      type: "latency",
      latency: "200ms",
      jitter: "50ms",
      direction: "both",
      first: 2,
      enabled: false,
      probability: 0.5,
    },
    { type: "bandwidth", rate: "64KiB/s", client: ["10.0.0.1", "10.1.0.0/16"], match: "a=b" },
    { type: "down" },
  ];
  const services = [{ name: "5000", listen: "5000", upstream: "db:1", faults }];
  assert.deepEqual(parseQuickForm(["5000=db:1"], args), decodeConfig({ services }));
});

Deno.test("parseQuickForm() names the fault that is wrong, and what with it", () => {
  const faults = ["latency,latency=5", "latency,jitter", "drip,=1,dely=,client=a", "down,__proto__=5"];
  const form = "expected key=value such as latency=200ms";
  assert.throws(() => parseQuickForm(["5000=db:1"], faults), {
    name: "ConfigError",
    problems: [
      { path: "--fault latency,jitter", message: `Cannot parse "jitter": ${form}` },
      { path: "--fault drip,=1,dely=,client=a", message: `Cannot parse "=1": ${form}` },
      { path: "--fault drip,=1,dely=,client=a", message: `Cannot parse "dely=": ${form}` },
      { path: "--fault down,__proto__=5", message: `Cannot parse "__proto__=5": ${form}` },
      {
        path: "--fault latency,latency=5",
        message: 'Cannot parse duration "5": a unit is missing, write "5s" or "5ms"',
      },
      {
        path: "--fault latency,jitter",
        message: 'Missing key "latency": expected a duration such as "5s"',
      },
      {
        path: "--fault drip,=1,dely=,client=a",
        message: 'Cannot parse "a": expected an address or block such as 10.0.0.0/8',
      },
    ],
  });
});

Deno.test("parseQuickForm() takes a port alone for 127.0.0.1", () => {
  assert.deepEqual(addressOf(parseQuickForm(["5000=5432"])), {
    transport: "tcp",
    hostname: "127.0.0.1",
    port: 5432,
  });
});

Deno.test("parseQuickForm() splits at the first equals sign", () => {
  assert.deepEqual(addressOf(parseQuickForm(["5000=unix:/run/a=b"])), {
    transport: "unix",
    path: "/run/a=b",
  });
});

Deno.test("parseQuickForm() takes a range of ports", () => {
  const [service] = parseQuickForm([":7000-7002=db:5432"]).services;
  assert.equal(service?.name, ":7000-7002");
  assert.deepEqual(service.listen.map(formatAddress), ["[::]:7000", "[::]:7001", "[::]:7002"]);
});

Deno.test("parseQuickForm() numbers equal names", () => {
  const { services } = parseQuickForm(["0=a:1", "0=b:2", "0=c:3"]);
  assert.deepEqual(services.map(({ name }) => name), ["0", "0#2", "0#3"]);
});

Deno.test("parseQuickForm() makes a name of any path", () => {
  const [service] = parseQuickForm([`unix:/run/my app/${"x".repeat(80)}.sock=a:1`]).services;
  assert.equal(service?.name, `${"x".repeat(59)}.sock`);
  assert.equal(parseQuickForm(["unix:/my app=a:1"]).services[0]?.name, "unix:/my_app");
});

Deno.test("parseQuickForm() reports all arguments that are wrong", () => {
  const args = [
    "5000",
    "=a:1",
    "5001=",
    "70000=a:1",
    "5002=db",
    "5003=0",
    "5004=a:1",
    "5004=b:1",
    "5005=5005",
    "6000-6010=a:1",
    "6005=6005",
    "6020-6019=a:1",
  ];
  const form = "expected listen=upstream such as 5000=db.internal:5432";
  const address = 'the port is missing, write "db:5432"';
  assert.throws(() => parseQuickForm(args), {
    name: "ConfigError",
    problems: [
      { path: "5000", message: `Cannot parse "5000": ${form}` },
      { path: "=a:1", message: `Cannot parse "=a:1": ${form}` },
      { path: "5001=", message: `Cannot parse "5001=": ${form}` },
      { path: "5003=0", message: 'Cannot connect to port 0 in "0": expected 1-65535' },
      { path: "70000=a:1", message: 'Cannot parse port "70000" in "70000": expected 0-65535' },
      { path: "5002=db", message: `Cannot parse address "db": ${address}` },
      { path: "5004=b:1", message: 'Cannot listen on "5004" twice: 5004=a:1 is the same' },
      {
        path: "5005=5005",
        message: 'Cannot connect to "127.0.0.1:5005": the service itself listens there (5005=5005)',
      },
      { path: "6005=6005", message: 'Cannot listen on "6005" twice: 6000-6010=a:1 overlaps it' },
      {
        path: "6005=6005",
        message: 'Cannot connect to "127.0.0.1:6005": the service itself listens there (6005=6005)',
      },
      {
        path: "6020-6019=a:1",
        message: 'Cannot parse port range "6020-6019": the first port is larger than the last',
      },
    ],
  });
});

Deno.test("parseQuickForm() wants at least one argument", () => {
  assert.throws(() => parseQuickForm([]), {
    problems: [{ path: "", message: "Missing a service: expected 5000=db.internal:5432" }],
  });
});

function addressOf({ services }: Config) {
  return services[0]?.upstream?.endpoints[0]?.address;
}
