import assert from "node:assert/strict";
import type { Config } from "../../../src/config/config.ts";
import { ConfigError } from "../../../src/config/config_error.ts";
import { decodeConfig } from "../../../src/config/decode.ts";
import { formatDuration } from "../../../src/config/values/duration.ts";
import { parseYaml } from "../../../src/config/input/yaml.ts";
import { Random } from "../../support/random.ts";
import { EXTRAS, SERVICES, Settings } from "./settings.ts";

function settings(): Settings {
  return new Settings({
    workers: 2,
    certificate: { cert: "/soak/cert.pem", key: "/soak/key.pem" },
    accessLog: "/soak/access.log",
    socketPath: "/soak/soak.sock",
    upstream: (name) => `127.0.0.2:${1000 + name.length * 10 + name.charCodeAt(name.length - 1)}`,
  });
}

function decode(text: string): Config {
  return decodeConfig(parseYaml(text));
}

Deno.test("every configuration of the soak is valid, and shows its version", () => {
  const [random, all] = [new Random(1), settings()];
  const seen = new Set<string>();
  const texts = new Set<string>();
  for (let change = 0; change < 300; change++) {
    const { services } = decode(all.text());
    const names = services.map(({ name }) => name);
    assert.deepEqual(names.filter((name) => SERVICES.includes(name)), SERVICES);
    assert.deepEqual(new Set(names.filter((name) => !SERVICES.includes(name))), all.extras);
    const plain = services.find(({ name }) => name === "plain")!;
    assert.equal(formatDuration(plain.idleTimeout), all.idleTimeout);
    texts.add(all.text());
    seen.add(all.change(random).split(" ")[0]!);
    for (const name of all.extras) seen.add(name);
  }
  assert.equal(texts.size, 300, "no two are the same");
  for (const what of ["level", "weights", "with", "without", "limits.connections", ...EXTRAS]) {
    assert.ok(seen.has(what), what);
  }
  all.reset();
  assert.equal(all.extras.size, 0);
});

Deno.test("every file with a mistake is refused, except for mistakes that only files on disk show", () => {
  const [random, all] = [new Random(2), settings()];
  let refused = 0;
  for (let time = 0; time < 100; time++) {
    all.change(random);
    const mistaken = all.mistaken(random);
    if (mistaken.includes("/no/such/file.pem")) continue;
    assert.throws(() => decode(mistaken), ConfigError, mistaken);
    refused += 1;
  }
  assert.ok(refused > 50, `${refused}`);
});
