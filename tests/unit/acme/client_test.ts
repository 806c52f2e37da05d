import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { AcmeError } from "../../../src/acme/acme_error.ts";
import { type ChallengeAnswers, orderCertificate, type OrderOptions } from "../../../src/acme/client.ts";
import { keyAuthorization } from "../../../src/acme/jws.ts";
import { EcKey } from "../../../src/acme/keys.ts";
import { certificateFor } from "../../support/fakes/acme_authority.ts";
import { FakeAcme, type FakeAcmeOptions, problem } from "../../support/fakes/fake_acme.ts";

const NAMES = ["a.example.com", "b.example.com"];
const key = await EcKey.generate();

/** Keeps answers in memory. */
class Answers implements ChallengeAnswers {
  readonly texts = new Map<string, string>();
  readonly removed: string[] = [];
  setTls = (name: string, certificate: string) => Promise.resolve(void this.texts.set(name, certificate));
  setHttp = (token: string, text: string) => Promise.resolve(void this.texts.set(token, text));
  remove = (_kind: string, what: string) => Promise.resolve(void this.removed.push(what));
}

function order(
  { server: made = {}, signal = new AbortController().signal, ...options }: Partial<OrderOptions> & {
    readonly server?: Partial<FakeAcmeOptions>;
    readonly signal?: AbortSignal;
  } = {},
) {
  const server = new FakeAcme({ certificate: (csr) => certificateFor(csr, NAMES), ...made });
  const answers = new Answers();
  const pauses: number[] = [];
  const issued = orderCertificate({
    directory: server.directory,
    names: NAMES,
    email: "ops@example.com",
    externalAccount: undefined,
    profile: undefined,
    challenge: "http-01",
    replaces: undefined,
    ...options,
  }, {
    fetch: server.fetch,
    key,
    answers,
    signal,
    now: () => Date.now(),
    sleep: (milliseconds) => Promise.resolve(void pauses.push(milliseconds)),
  });
  return { server, answers, pauses, issued };
}

Deno.test("orderCertificate() proves each name over HTTP and returns the chain and its new key", async () => {
  const seen: unknown[] = [];
  const { server, answers, issued } = order({
    server: { check: (name, token) => (seen.push([name, answers.texts.get(token)]), true) },
  });
  const { key: pem, chain } = await issued;
  assert.ok(new X509Certificate(chain).checkPrivateKey(createPrivateKey(pem)));
  assert.deepEqual(
    seen.toSorted(),
    NAMES.map((name) => [name, keyAuthorization(`token-of-${name.replaceAll(".", "-")}`, key)]),
  );
  assert.equal(answers.removed.length, 2);
  const [account, ordered] = ["/account", "/new-order"].map((wanted) =>
    server.requests.find(({ path }) => path === wanted)
  );
  assert.deepEqual(account!.payload, { termsOfServiceAgreed: true, contact: ["mailto:ops@example.com"] });
  assert.deepEqual(ordered!.payload, { identifiers: NAMES.map((value) => ({ type: "dns", value })) });
  const signed = server.requests.filter(({ header, path }) => "url" in header && path !== "/account");
  assert.ok(signed.length > 5);
  assert.ok(signed.every(({ header }) => header["kid"] === "https://acme.test/account/1"));
});

Deno.test("orderCertificate() proves names over TLS with a certificate for each", async () => {
  const { answers, issued } = order({ challenge: "tls-alpn-01" });
  await issued;
  for (const name of NAMES) {
    const pem = answers.texts.get(name)!;
    assert.equal(new X509Certificate(pem).subjectAltName, `DNS:${name}`);
    const own = createPrivateKey(pem.slice(pem.indexOf("-----BEGIN PRIVATE KEY")));
    assert.ok(new X509Certificate(pem).checkPrivateKey(own));
  }
  assert.deepEqual(answers.removed.toSorted(), NAMES);
});

Deno.test("orderCertificate() tries another nonce where the server refuses one, but not forever", async () => {
  let refused = 0;
  const refuse = (most: number) =>
    order({
      server: {
        instead: ({ path }) =>
          path === "/new-order" && refused++ < most ? problem(400, "badNonce", "try again") : undefined,
      },
    }).issued;
  await refuse(7);
  refused = 0;
  await assert.rejects(refuse(Infinity), (error: AcmeError) => error.type === "badNonce");
  assert.equal(refused, 8);
});

Deno.test("orderCertificate() says what the server found wrong, and removes its answers", async () => {
  const { answers, issued } = order({ server: { check: (name) => name !== "b.example.com" } });
  await assert.rejects(issued, {
    name: "AcmeError",
    message: "b.example.com: the server refuses, connection: cannot connect to b.example.com",
    type: "connection",
  });
  assert.equal(answers.removed.length, 2);
});

Deno.test("orderCertificate() keeps how long the server asks to wait", async () => {
  const limited = (retryAfter: string) =>
    order({
      server: {
        instead: ({ path }) =>
          path === "/new-order"
            ? problem(429, "rateLimited", "too many", { "retry-after": retryAfter })
            : undefined,
      },
    }).issued;
  await assert.rejects(limited("7200"), {
    message: "https://acme.test/new-order answered 429: rateLimited: too many",
    type: "rateLimited",
    retryAfter: 7_200_000,
  });
  const date = new Date(Date.now() + 3_600_000).toUTCString();
  await assert.rejects(limited(date), (error: AcmeError) => Math.abs(error.retryAfter! - 3_600_000) < 60_000);
  await assert.rejects(limited("soon"), (error: AcmeError) => error.retryAfter === undefined);
});

Deno.test("orderCertificate() binds an external account, and says when one is missing", async () => {
  const meta = { externalAccountRequired: true };
  await assert.rejects(order({ server: { meta } }).issued, /needs an external account/);
  const externalAccount = { keyId: "kid-1", hmacKey: "c2VjcmV0LXNlY3JldC1zZWNyZXQ" };
  const { server, issued } = order({ server: { meta }, externalAccount });
  await issued;
  const account = server.requests.find(({ path }) => path === "/account");
  assert.ok(account?.payload?.["externalAccountBinding"]);
});

Deno.test("orderCertificate() asks for a profile that the server has", async () => {
  const meta = { profiles: { classic: "as ever", shortlived: "six days" } };
  await assert.rejects(
    order({ server: { meta }, profile: "long" }).issued,
    /has no profile "long" \(it offers classic, shortlived\)/,
  );
  const { server, issued } = order({ server: { meta }, profile: "shortlived" });
  await issued;
  assert.equal(server.requests.find(({ path }) => path === "/new-order")?.payload?.["profile"], "shortlived");
});

Deno.test("orderCertificate() says what is replaced, and does without where the server objects", async () => {
  const instead: FakeAcmeOptions["instead"] = ({ path, payload }) =>
    path === "/new-order" && payload!["replaces"] !== undefined
      ? problem(409, "alreadyReplaced", "there is a successor")
      : undefined;
  const { server, issued } = order({ server: { renewalInfo: true, instead }, replaces: "a.b" });
  await issued;
  const orders = server.requests.filter(({ path }) => path === "/new-order");
  assert.deepEqual(orders.map(({ payload }) => payload!["replaces"]), ["a.b", undefined]);
});

Deno.test("orderCertificate() refuses what is no directory, and shows no control characters of a server", async () => {
  const answering = (body: string, status = 200) =>
    order({ server: { instead: () => new Response(body, { status }) } }).issued;
  await assert.rejects(answering("<html>"), /answered with something that is not ACME/);
  await assert.rejects(answering("{}"), /has no newNonce: is it a directory\?/);
  const evil = JSON.stringify({ type: "x", detail: "a\u001b[31m\nb" + "c".repeat(9999) });
  await assert.rejects(
    answering(evil, 500),
    ({ message }: Error) => /answered 500: x: a \[31m b/.test(message) && message.length < 700,
  );
});

Deno.test("orderCertificate() ends when it is aborted", async () => {
  const stop = new AbortController();
  const { issued } = order({
    signal: stop.signal,
    server: { check: () => (stop.abort(new Error("stop")), true) },
  });
  await assert.rejects(issued, /stop/);
});

for (const status of ["valid", "processing"]) {
  Deno.test(`orderCertificate() takes no certificate of an order that is ${status} already`, async () => {
    const { server, issued } = order({
      server: {
        instead: ({ path }) =>
          path === "/new-order"
            ? Response.json({ status, authorizations: [], finalize: "https://acme.test/finalize" }, {
              headers: { location: "https://acme.test/order/1" },
            })
            : undefined,
      },
    });
    await assert.rejects(issued, {
      name: "AcmeError",
      message: `https://acme.test/order/1 is ${status}, before a certificate was requested`,
    });
    assert.equal(server.paths.at(-1), "POST /new-order");
  });
}

Deno.test("orderCertificate() proves no name that was not ordered", async () => {
  const identifier = { type: "dns", value: "../../other/server" };
  const { answers, issued } = order({
    challenge: "tls-alpn-01",
    names: ["a.example.com"],
    server: {
      instead: ({ path }) =>
        path.startsWith("/authorization/")
          ? Response.json({ status: "pending", identifier, challenges: [{ type: "tls-alpn-01" }] })
          : undefined,
    },
  });
  await assert.rejects(issued, {
    name: "AcmeError",
    message: "https://acme.test/authorization/a.example.com is for a name that was not ordered",
  });
  assert.deepEqual([...answers.texts.keys(), ...answers.removed], []);
});
