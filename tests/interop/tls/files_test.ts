/** Files of certificates and keys that are invalid or about to expire: what `sluice check` and a start report. */

import assert from "node:assert/strict";
import { decodeOptions } from "../../../src/config/library.ts";
import { type Log, silentLog } from "../../../src/observe/log/log.ts";
import { TlsFiles } from "../../../src/runtime/files/tls_files.ts";
import { runSluice, Sluice } from "../../support/program/program.ts";
import { CertificateAuthority, type KeyPair, OPENSSL } from "../../support/certificates.ts";
import { interopTest } from "../../support/interop.ts";

const CONFIGURATION_ERROR = 2;

/** Files and the messages about them, in which `CERT` and `KEY` stand for their paths. */
type Case = [
  what: string,
  prepare: (authority: CertificateAuthority) => Promise<KeyPair>,
  messages: RegExp[],
];

const REFUSED: Case[] = [
  [
    "the key of another certificate",
    async (authority) => {
      const [one, other] = [await authority.issue({ name: "one" }), await authority.issue({ name: "other" })];
      return { cert: one.cert, key: other.key };
    },
    [/services\[0\]\.tls\.key: Cannot use the key in "KEY": it belongs to another certificate than "CERT"$/m],
  ],
  [
    "a certificate that is not there",
    async (authority) => ({
      ...await authority.issue({ name: "one" }),
      cert: `${authority.directory}/no.pem`,
    }),
    [/services\[0\]\.tls\.cert: Cannot read "CERT": no such file \(check the path\)$/m],
  ],
  [
    "a key that is not there",
    async (authority) => ({
      ...await authority.issue({ name: "one" }),
      key: `${authority.directory}/no.key`,
    }),
    [/services\[0\]\.tls\.key: Cannot read "KEY": no such file \(check the path\)$/m],
  ],
  [
    "cert and key swapped",
    async (authority) => {
      const { cert, key } = await authority.issue({ name: "one" });
      return { cert: key, key: cert };
    },
    [/Cannot find a certificate in "CERT": it holds a private key \(cert and key may be swapped\)$/m],
  ],
  [
    "a certificate that has expired",
    (authority) => authority.issue({ name: "one", from: -30, until: -1 }),
    [/services\[0\]\.tls\.cert: Cannot use "CERT": the certificate expired on \d{4}-\d\d-\d\d \(renew it\)$/m],
  ],
  [
    "a certificate whose time is still to come",
    (authority) => authority.issue({ name: "one", from: 2, until: 30 }),
    [/Cannot use "CERT": the certificate is valid only from .* \(check the clock of this machine\)$/m],
  ],
];

for (const [what, prepare, messages] of REFUSED) {
  interopTest(`${what}: an error, and nothing starts`, OPENSSL, async (stack) => {
    const authority = stack.use(await CertificateAuthority.create());
    const files = await prepare(authority);
    const path = await configFor(authority, files);
    for (const args of [["check", path], ["-c", path, "--print-ready"]]) {
      const { code, stdout, stderr } = await runSluice(args);
      assert.equal(code, CONFIGURATION_ERROR);
      assert.equal(stdout, "");
      for (const pattern of messages) assert.match(anonymous(stderr, files), pattern);
      assert.doesNotMatch(stderr, /PRIVATE KEY|\bat \S+\.ts/);
    }
  });
}

const DOUBTFUL: Case[] = [
  [
    "a certificate with ten days left",
    (authority) => authority.issue({ name: "one", until: 10 }),
    [/The certificate for O=Test, CN=one expires on \d{4}-\d\d-\d\d, in (239h|9d23h) \(renew it\)/],
  ],
  [
    "a key that others can read",
    async (authority) => {
      const files = await authority.issue({ name: "one" });
      await Deno.chmod(files.key, 0o644);
      return files;
    },
    [/The key file "KEY" is readable by other users \(chmod 600 it\)/],
  ],
  [
    "a certificate with fifteen days left, and a key of one's own",
    (authority) => authority.issue({ name: "one", until: 15 }),
    [],
  ],
];

for (const [what, prepare, messages] of DOUBTFUL) {
  const count = messages.length === 0 ? "nothing is said of it" : "a warning, from check and at the start";
  interopTest(`${what}: ${count}`, OPENSSL, async (stack) => {
    const authority = stack.use(await CertificateAuthority.create());
    const files = await prepare(authority);
    const path = await configFor(authority, files);
    const { code, stdout } = await runSluice(["check", path]);
    assert.equal(code, 0);
    const warnings = stdout.split("\n").filter((line) => line.startsWith("# warning: "));
    assert.equal(warnings.length, messages.length, stdout);
    for (const pattern of messages) assert.match(anonymous(warnings.join("\n"), files), pattern);
    assert.match(stdout, /^# ok$/m);

    const sluice = stack.use(await Sluice.start(["-c", path]));
    const { code: end } = await sluice.stop();
    assert.equal(end, 0);
    const logged = sluice.events("certificate_warning");
    assert.equal(logged.length, messages.length, sluice.stderr);
    assert.ok(logged.every(({ level }) => level === "warn"));
    for (const pattern of messages) assert.match(anonymous(`${logged[0]!.message}`, files), pattern);
  });
}

interopTest("errors in the files of several services are reported together", OPENSSL, async (stack) => {
  const authority = stack.use(await CertificateAuthority.create());
  const { cert, key } = await authority.issue({ name: "one" });
  const path = await authority.file(
    "several.yaml",
    `
services:
  - { name: one, listen: "127.0.0.1:0", upstream: "127.0.0.1:1", tls: { cert: ${cert}, key: no.key } }
  - { name: two, listen: "127.0.0.1:0", upstream: "127.0.0.1:1", tls: { cert: ${cert}, key: ${key}, client_ca: no.pem } }
  - { name: three, listen: "127.0.0.1:0", upstream: "127.0.0.1:1", upstream_tls: { ca: ${key} } }
`,
  );
  const { code, stderr } = await runSluice(["check", path]);
  assert.equal(code, CONFIGURATION_ERROR);
  assert.match(stderr, /services\[0\]\.tls\.key: Cannot read ".*no\.key": no such file/);
  assert.match(stderr, /services\[1\]\.tls\.client_ca: Cannot read ".*no\.pem": no such file/);
  assert.match(
    stderr,
    /services\[2\]\.upstream_tls\.ca: Cannot find a certificate in ".*": it holds a private key/,
  );
});

/** Writes a configuration that uses these files into their directory. */
async function configFor(authority: CertificateAuthority, { cert, key }: KeyPair): Promise<string> {
  const service =
    `name: test, listen: "127.0.0.1:0", upstream: "127.0.0.1:1", tls: { cert: ${cert}, key: ${key} }`;
  return await authority.file("sluice.yaml", `log: { format: json }\nservices: [{ ${service} }]\n`);
}

function anonymous(text: string, { cert, key }: KeyPair): string {
  return text.replaceAll(cert, "CERT").replaceAll(key, "KEY");
}

interopTest("a certificate that expires soon is logged once a day", OPENSSL, async (stack) => {
  const authority = stack.use(await CertificateAuthority.create());
  const pair = await authority.issue({ name: "one", until: 10 });
  const later = await authority.issue({ name: "two", until: 20 });
  const certificates = [pair, later].map(({ cert, key }) => ({ cert, key }));
  const config = decodeOptions({
    services: [{ name: "shop", listen: 0, upstream: "127.0.0.1:1", tls: { certificates } }],
  });
  const lines: string[] = [];
  const log: Log = {
    ...silentLog(),
    warn: (message, fields) => lines.push(`${fields?.["event"]}: ${message}`),
  };
  const days = holdIntervals(stack, 86_400_000);
  const files = new TlsFiles({ log, onChange: () => Promise.resolve(true) });
  stack.defer(() => files.stop());
  await files.use(await files.load(config));
  const text =
    /^certificate_\w+: The certificate for O=Test, CN=one expires on \d{4}-\d\d-\d\d, in 9d\w* \(renew it\)$/;
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, text);
  for (let day = 1; day <= 3; day++) {
    assert.equal(days.length, 1);
    days[0]!();
    assert.equal(lines.length, 1 + day);
    assert.match(lines[day]!, text);
  }
});

/** Returns the callbacks of intervals with this period, which now run only when the test calls them. */
function holdIntervals(stack: AsyncDisposableStack, period: number): (() => void)[] {
  const held: (() => void)[] = [];
  const real = globalThis.setInterval;
  globalThis.setInterval = ((callback: () => void, delay?: number) => {
    if (delay !== period) return real(callback, delay);
    held.push(callback);
    return 0;
  }) as typeof setInterval;
  stack.defer(() => void (globalThis.setInterval = real));
  return held;
}
