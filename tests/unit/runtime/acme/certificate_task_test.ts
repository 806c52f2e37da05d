import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import type { AcmeConfig } from "../../../../src/config/config.ts";
import { acmeCertificateFile } from "../../../../src/config/values/acme_files.ts";
import { loadCredentials } from "../../../../src/net/tls/credentials.ts";
import type { Log } from "../../../../src/observe/log/log.ts";
import { silentLog } from "../../../../src/observe/log/log.ts";
import { ACME_METRICS } from "../../../../src/observe/metrics/acme_metrics.ts";
import { AcmeServer } from "../../../../src/runtime/acme/acme_server.ts";
import { CertificateTask } from "../../../../src/runtime/acme/certificate_task.ts";
import { AcmeStorage } from "../../../../src/runtime/acme/storage.ts";
import { eventually } from "../../../support/eventually.ts";
import { issue as issueFor } from "../../../support/bytes/certificate_bytes.ts";
import { certificateFor } from "../../../support/fakes/acme_authority.ts";
import {
  FakeAcme,
  type FakeAcmeOptions,
  type FakeRequest,
  problem,
} from "../../../support/fakes/fake_acme.ts";

const DAY = 86_400_000;

/** The value of sluice_acme_failing. */
function failingOf({ figures }: CertificateTask): number {
  const { read } = ACME_METRICS.find(({ name }) => name === "sluice_acme_failing")!;
  const [[, value]] = read({ acme: [figures] }) as [[unknown, number]];
  return value;
}

/** Waits until nothing is wrong any more. */
function holds(check: () => unknown): Promise<unknown> {
  const wrong = async () => {
    try {
      await check();
      return undefined;
    } catch (error) {
      return error;
    }
  };
  return eventually("what must hold", wrong, (error) => error === undefined);
}

/** A folder, a server, and any number of tasks on a clock that stands still, except that pauses pass at once on request. */
class Fixture implements AsyncDisposable {
  readonly folder: string;
  readonly acme: AcmeConfig;
  readonly logged: string[] = [];
  readonly server: FakeAcme;
  readonly tasks: CertificateTask[] = [];
  /** Milliseconds that the clock is ahead. */
  ahead = 0;
  changes = 0;
  readonly #wakes = new Set<() => void>();
  #life: { readonly from?: number; readonly until?: number } = {};

  private constructor(folder: string, server: Partial<FakeAcmeOptions>) {
    this.folder = folder;
    this.server = new FakeAcme({
      certificate: (csr) => certificateFor(csr, this.acme.names, this.#life),
      ...server,
    });
    this.acme = {
      names: ["a.example.com", "b.example.com"],
      agreeToTerms: true,
      storage: join(folder, "store"),
      directory: this.server.directory,
      email: undefined,
      http: { transport: "tcp", hostname: "127.0.0.1", port: 80 },
      ca: undefined,
      profile: undefined,
      externalAccount: undefined,
    };
  }

  static async create(server: Partial<FakeAcmeOptions> = {}): Promise<Fixture> {
    return new Fixture(await Deno.makeTempDir(), server);
  }

  get file(): string {
    return acmeCertificateFile(this.acme);
  }

  /** Of the next certificates, in days from now. */
  issueFor(life: { readonly from: number; readonly until: number }): void {
    this.#life = life;
  }

  async begin(acme: Partial<AcmeConfig> = {}): Promise<CertificateTask> {
    const config = { ...this.acme, ...acme };
    const storage = new AcmeStorage(config);
    await storage.prepare();
    const keep = (message: string) => void this.logged.push(message);
    const log: Log = { ...silentLog(), info: keep, warn: keep, error: keep };
    const clock = {
      now: () => Date.now() + this.ahead,
      random: () => 0,
      sleep: (milliseconds: number, signal: AbortSignal) =>
        milliseconds === 0 || signal.aborted ? Promise.resolve() : this.#pause(signal),
    };
    const task = new CertificateTask({
      acme: config,
      file: acmeCertificateFile(config),
      storage,
      server: new AcmeServer({
        acme: config,
        log,
        clock,
        open: () => Promise.resolve({ fetch: this.server.fetch, [Symbol.dispose]() {} }),
      }),
      log,
      clock,
      owner: "test",
      onChange: () => Promise.resolve(void this.changes++),
    });
    this.tasks.push(task);
    return task;
  }

  /** Moves the clock, and lets every pause end. */
  pass(milliseconds = 0): void {
    this.ahead += milliseconds;
    for (const wake of [...this.#wakes]) wake();
  }

  issued(task = this.tasks[0]!): Promise<unknown> {
    return holds(() => assert.equal(task.figures.issued, 1));
  }

  #pause(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#wakes.delete(wake);
        resolve();
      };
      this.#wakes.add(wake);
      signal.addEventListener("abort", wake, { once: true });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.tasks.map((task) => task.stop()));
    await Deno.remove(this.folder, { recursive: true });
  }
}

Deno.test("CertificateTask orders a missing certificate, and writes it for its owner alone", async () => {
  await using fixture = await Fixture.create();
  const task = await fixture.begin();
  await fixture.issued();
  const { names, warnings } = await loadCredentials({ cert: fixture.file, key: fixture.file });
  assert.deepEqual(names, ["a.example.com", "b.example.com"]);
  assert.deepEqual(warnings, []);
  const folder = join(fixture.file, "..");
  const files = () => Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
  await holds(async () => assert.deepEqual((await files()).sort(), ["a.example.com.pem", "account.key"]));
  for (const name of await files()) {
    assert.equal((await Deno.stat(join(folder, name))).mode! & 0o777, 0o600, name);
  }
  assert.equal((await Array.fromAsync(Deno.readDir(join(fixture.acme.storage, "challenges")))).length, 0);
  assert.match(
    fixture.logged.join("\n"),
    /^No certificate for a\.example\.com, b\.example\.com yet: clients are refused/,
  );
  assert.equal(fixture.changes, 1);
  assert.equal(task.figures.failing, 0);
});

Deno.test("CertificateTask says why a certificate that is there cannot be used, and orders another one", async () => {
  await using fixture = await Fixture.create();
  await Deno.mkdir(join(fixture.file, ".."), { recursive: true });
  await Deno.writeTextFile(fixture.file, "damaged");
  await fixture.begin();
  await fixture.issued();
  assert.match(
    fixture.logged.join("\n"),
    /^Cannot use the certificate for a\.example\.com, b\.example\.com: clients are refused until an order succeeds/,
  );
});

Deno.test("CertificateTask renews after two thirds of the life, with the same account", async () => {
  await using fixture = await Fixture.create();
  const task = await fixture.begin();
  await fixture.issued();
  const first = await Deno.readTextFile(fixture.file);
  fixture.pass(58 * DAY);
  await holds(() => assert.ok(task.figures.nextAttempt! > Date.now() + 58 * DAY));
  fixture.issueFor({ from: 58, until: 148 });
  fixture.pass(2 * DAY);
  await holds(() => assert.equal(task.figures.issued, 2));
  assert.ok(
    Math.abs(task.figures.lastSuccess! - Date.now() - 58 * DAY) < DAY / 2,
    "the start of its validity",
  );
  assert.notEqual(await Deno.readTextFile(fixture.file), first);
  const accounts = fixture.server.requests.filter(({ path }) => path === "/account");
  assert.deepEqual(accounts[0]!.header["jwk"], accounts[1]!.header["jwk"]);
});

Deno.test("CertificateTask renews soon when the server's window is over", async () => {
  await using fixture = await Fixture.create({ renewalInfo: true });
  fixture.issueFor({ from: 0, until: 90 });
  const task = await fixture.begin();
  await fixture.issued();
  await holds(() => assert.ok(fixture.server.paths.some((path) => path.startsWith("GET /renewal/"))));
  fixture.issueFor({ from: 1, until: 91 });
  // Once it is a day old.
  fixture.pass(DAY);
  await holds(() => {
    fixture.pass();
    assert.equal(task.figures.issued, 2);
  });
  // The second one says what it replaces.
  const orders = fixture.server.requests.filter(({ path }) => path === "/new-order");
  assert.deepEqual(orders.map(({ payload }) => typeof payload!["replaces"]), ["undefined", "string"]);
});

Deno.test("CertificateTask without a certificate waits as long as the server asks, over a restart too, or until a retry", async () => {
  let isLimited = true;
  const instead: FakeAcmeOptions["instead"] = ({ path }) =>
    isLimited && path === "/new-order"
      ? problem(429, "rateLimited", "too many certificates", { "retry-after": "7200" })
      : undefined;
  await using fixture = await Fixture.create({ instead });
  const task = await fixture.begin();
  await holds(() => assert.equal(task.figures.failed, 1));
  await holds(() => assert.ok(task.figures.nextAttempt! > Date.now() + 7_100_000));
  assert.match(
    fixture.logged.at(-1)!,
    /rateLimited: too many certificates\. Clients are refused; next attempt in 2h$/,
  );
  await holds(() => Deno.stat(fixture.file.replace(".pem", ".failed.json")));
  await task.stop();

  const restarted = await fixture.begin();
  await holds(() => assert.equal(restarted.figures.failing, 1));
  assert.equal(fixture.server.requests.filter(({ path }) => path === "/new-order").length, 1);

  isLimited = false;
  restarted.retry();
  await fixture.issued(restarted);
  await holds(() => assert.equal(restarted.figures.failing, 0));
});

for (
  const [what, refuse, said, pause] of [
    [
      "refuses the renewal",
      ({ path }: FakeRequest) =>
        path === "/new-order"
          ? problem(429, "rateLimited", "too many certificates", { "retry-after": "7200" })
          : undefined,
      /answered 429: rateLimited: too many certificates\./,
      7_200_000,
    ],
    [
      "cannot be reached for the renewal",
      () => {
        throw new TypeError("connection refused");
      },
      /: Cannot reach https:\/\/acme\.test\/directory: connection refused\./,
      96_000,
    ],
  ] as const
) {
  Deno.test(`CertificateTask keeps the certificate in use while the server ${what}, and renews it afterwards`, async () => {
    let isRefusing = false;
    const instead = (request: FakeRequest) => isRefusing ? refuse(request) : undefined;
    await using fixture = await Fixture.create({ instead });
    const task = await fixture.begin();
    await fixture.issued();
    const before = await Deno.readTextFile(fixture.file);
    const { lastSuccess } = task.figures;
    isRefusing = true;
    fixture.pass(60 * DAY);
    await holds(() => assert.equal(failingOf(task), 1));
    const { validToDate } = new X509Certificate(before);
    const line = fixture.logged.at(-1)!;
    assert.match(line, said);
    assert.ok(
      line.includes(`The one in use is valid until ${validToDate.toISOString()}; next attempt`),
      line,
    );
    assert.equal(await Deno.readTextFile(fixture.file), before);
    await loadCredentials({ cert: fixture.file, key: fixture.file });
    assert.deepEqual([fixture.changes, task.figures.issued, task.figures.lastSuccess], [1, 1, lastSuccess]);

    isRefusing = false;
    fixture.issueFor({ from: 60, until: 150 });
    fixture.pass(pause);
    await holds(() => {
      fixture.pass();
      assert.deepEqual([task.figures.issued, failingOf(task), fixture.changes], [2, 0, 2]);
    });
    assert.notEqual(await Deno.readTextFile(fixture.file), before);
  });
}

Deno.test("CertificateTask tries again after its pause", async () => {
  let isGood = false;
  await using fixture = await Fixture.create({ check: () => isGood });
  const task = await fixture.begin();
  await holds(() => assert.equal(task.figures.failed, 1));
  await holds(() => assert.equal(task.figures.failing, 1));
  fixture.pass(1000);
  isGood = true;
  fixture.pass(120_000);
  await holds(() => {
    fixture.pass();
    assert.equal(task.figures.issued, 1);
  });
});

Deno.test("CertificateTask orders at once for other names, and keeps the file meanwhile", async () => {
  let isOpen = Promise.withResolvers<boolean>();
  isOpen.resolve(true);
  await using fixture = await Fixture.create({ check: () => isOpen.promise });
  const task = await fixture.begin();
  await fixture.issued();
  await task.stop();
  isOpen = Promise.withResolvers();
  const names = ["a.example.com", "c.example.com"];
  const before = await Deno.readTextFile(fixture.file);
  Object.assign(fixture.acme, { names });
  const changed = await fixture.begin();
  await holds(() =>
    assert.ok(fixture.server.paths.filter((path) => path === "POST /new-order").length === 2)
  );
  assert.equal(await Deno.readTextFile(fixture.file), before);
  isOpen.resolve(true);
  await fixture.issued(changed);
  assert.deepEqual((await loadCredentials({ cert: fixture.file, key: fixture.file })).names, names);
});

Deno.test("CertificateTask does not order again and again when the server issues for other names", async () => {
  await using fixture = await Fixture.create({
    certificate: (csr) => certificateFor(csr, ["x.example.com"]),
  });
  const task = await fixture.begin();
  await holds(() => assert.equal(task.figures.failing, 1));
  fixture.pass(1000);
  assert.match(fixture.logged.at(-1)!, /cannot be used: it is for x\.example\.com/);
  assert.equal(fixture.server.paths.filter((path) => path === "POST /new-order").length, 1);
});

Deno.test("CertificateTask lets one of several proxies order, and the others use its certificate", async () => {
  const isOpen = Promise.withResolvers<boolean>();
  await using fixture = await Fixture.create({ check: () => isOpen.promise });
  const tasks = [await fixture.begin(), await fixture.begin(), await fixture.begin()];
  await holds(() => {
    assert.equal(fixture.logged.filter((line) => line.startsWith("Another proxy is ordering")).length, 2);
  });
  isOpen.resolve(true);
  await holds(() => assert.equal(tasks.reduce((sum, { figures: { issued } }) => sum + issued, 0), 1));
  await holds(() => {
    fixture.pass();
    assert.equal(fixture.changes, 3);
  });
  assert.equal(fixture.server.paths.filter((path) => path === "POST /new-order").length, 1);
});

for (
  const [what, issue, fault] of [
    [
      "is none",
      () => "<html>maintenance</html>",
      /cannot be used: Cannot find a certificate in "https:\/\/acme/,
    ],
    [
      "is for another key",
      () => issueFor({ subject: "a" }).pem,
      /cannot be used: .*belongs to another certificate/,
    ],
    [
      "is for other names",
      (csr: Uint8Array) => certificateFor(csr, ["x.example.com"], { until: 148 }),
      /cannot be used: it is for x\.example\.com/,
    ],
    [
      "has expired",
      (csr: Uint8Array) => certificateFor(csr, ["a.example.com", "b.example.com"], { from: -9, until: -1 }),
      /cannot be used: .*expired on/,
    ],
  ] as const
) {
  Deno.test(`CertificateTask keeps the certificate in use when what the server issues ${what}`, async () => {
    let isBad = false;
    const certificate = (csr: Uint8Array) =>
      isBad ? issue(csr) : certificateFor(csr, ["a.example.com", "b.example.com"]);
    await using fixture = await Fixture.create({ certificate });
    const task = await fixture.begin();
    await fixture.issued();
    const before = await Deno.readTextFile(fixture.file);
    isBad = true;
    fixture.pass(60 * DAY);
    await holds(() => assert.equal(task.figures.failing, 1));
    assert.match(fixture.logged.at(-1)!, fault);
    assert.match(fixture.logged.at(-1)!, /The one in use is valid until/);
    assert.equal(await Deno.readTextFile(fixture.file), before);
    assert.equal(task.figures.issued, 1);
  });
}

Deno.test("CertificateTask pauses longer each time while what is issued is to be renewed at once", async () => {
  await using fixture = await Fixture.create();
  // As for a clock that is 61 days ahead.
  fixture.issueFor({ from: -61, until: 29 });
  const task = await fixture.begin();
  for (const [attempts, pause] of [[1, 96_000], [2, 192_000], [3, 384_000]] as const) {
    await holds(() => assert.equal(task.figures.failing, attempts));
    assert.equal(fixture.server.paths.filter((path) => path === "POST /new-order").length, attempts);
    assert.ok(Math.abs(task.figures.nextAttempt! - Date.now() - fixture.ahead - pause) < 60_000);
    assert.match(fixture.logged.at(-1)!, /is in use, but is to be renewed at once \(check the clock/);
    await holds(async () => {
      const record = JSON.parse(await Deno.readTextFile(fixture.file.replace(".pem", ".failed.json")));
      assert.equal(record.attempts, attempts);
    });
    fixture.pass(pause);
    await holds(() => {
      fixture.pass();
      assert.ok(task.figures.failed > attempts);
    });
  }
  await loadCredentials({ cert: fixture.file, key: fixture.file });
});

Deno.test("CertificateTask pauses longer each time while the server issues certificates that cannot be used", async () => {
  await using fixture = await Fixture.create({
    certificate: (csr) => certificateFor(csr, ["x.example.com"]),
  });
  const task = await fixture.begin();
  for (const [attempts, pause] of [[1, 96_000], [2, 192_000], [3, 384_000]] as const) {
    await holds(() => assert.equal(task.figures.failing, attempts));
    assert.ok(Math.abs(task.figures.nextAttempt! - Date.now() - fixture.ahead - pause) < 60_000);
    fixture.pass(pause);
    await holds(() => {
      fixture.pass();
      assert.ok(task.figures.failed > attempts);
    });
  }
});

Deno.test("CertificateTask uses a certificate to which the server has added a name", async () => {
  await using fixture = await Fixture.create({
    certificate: (csr) => certificateFor(csr, ["a.example.com", "b.example.com", "www.a.example.com"]),
  });
  const task = await fixture.begin();
  await fixture.issued();
  await holds(() => assert.match(fixture.logged.at(-1)!, /is here$/));
  assert.deepEqual([task.figures.failed, task.figures.failing], [0, 0]);
  assert.ok(task.figures.nextAttempt! > Date.now() + 50 * DAY);
});
