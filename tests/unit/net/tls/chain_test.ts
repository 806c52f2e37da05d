import assert from "node:assert/strict";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { ChainVerifier } from "../../../../src/net/tls/chain.ts";
import { isSignedBy } from "../../../../src/net/tls/signature.ts";
import { readAuthority, readCertificate } from "../../../../src/wire/certificate/certificate.ts";
import {
  alternativeNames,
  authority,
  authorityFlag,
  CLIENT_AUTH,
  commonName,
  type Contents,
  dnsName,
  issue,
  type Issued,
  type Issuer,
  keyUsage,
  nameOf,
  newKeys,
  noAuthority,
  notNames,
  onlyNames,
  organization,
  SCHEMES,
  SERVER_AUTH,
  unknownExtension,
  usableFor,
} from "../../../support/bytes/certificate_bytes.ts";

const DAY = 86_400_000;
const root = authority();
const client: Contents = { subject: "alice", extensions: [noAuthority, usableFor(CLIENT_AUTH)] };
const below = (issuer: Issuer, contents: Partial<Contents> = {}): Issued =>
  issue({ subject: "Middle", extensions: [authorityFlag()], ...contents }, issuer);

function faultOf(
  chain: readonly Issued[],
  roots: readonly Issued[] = [root],
  now?: number,
): string | undefined {
  return new ChainVerifier(roots.map(({ pem }) => pem), "client").faultOf(chain.map(({ raw }) => raw), now);
}

Deno.test("issue() builds certificates that node:crypto can parse", () => {
  const leaf = new X509Certificate(issue(client, root).raw);
  assert.equal(leaf.subject, "CN=alice");
  assert.equal(leaf.verify(root.keys.publicKey), true);
});

Deno.test("ChainVerifier accepts a certificate of an authority, and one of an authority below it", () => {
  const middle = below(root);
  const lower = below(middle, { subject: "Lower", extensions: [authorityFlag(0), keyUsage(5)] });
  assert.equal(faultOf([issue(client, root)]), undefined);
  assert.equal(faultOf([issue(client, middle), middle]), undefined);
  assert.equal(faultOf([issue(client, lower), lower, middle]), undefined);
  assert.equal(faultOf([issue(client, lower), root, middle, lower]), undefined, "in whatever order");
  const damaged = { ...middle, raw: middle.raw.subarray(1) };
  assert.equal(
    faultOf([issue(client, middle), damaged, middle]),
    undefined,
    "what is of no use does not matter",
  );
  assert.equal(faultOf([issue({ subject: "bob" }, root)]), undefined, "without any extension");
  assert.equal(
    faultOf([issue(client, middle)], [middle]),
    undefined,
    "an authority in the middle may be named",
  );
});

Deno.test("ChainVerifier refuses what no authority of its own has issued", () => {
  const other = authority("Other");
  const namesake = authority();
  const untrusted = "its issuer, CN=Root, is not trusted";
  assert.equal(faultOf([issue(client, other)]), "its issuer, CN=Other, is not trusted");
  assert.equal(faultOf([issue(client, namesake)]), untrusted, "the same name");
  assert.equal(faultOf([issue(client, namesake), namesake]), untrusted, "the chain brings its own authority");
  assert.equal(faultOf([issue(client, root)], [other]), untrusted, "the authority was replaced");
  assert.equal(faultOf([issue(client, root)], []), untrusted, "none is left");
  const middle = below(root);
  assert.equal(
    faultOf([issue(client, middle)]),
    "its issuer, CN=Middle, is not trusted",
    "the middle is missing",
  );
  assert.equal(faultOf([]), "there is none");
  const alone = issue(client);
  assert.equal(faultOf([alone]), "its issuer, CN=alice, is not trusted");
  assert.equal(faultOf([alone], [alone]), undefined, "unless it was named itself");
});

Deno.test("ChainVerifier looks at the dates of every certificate that an authority has issued", () => {
  const past = { from: -9, until: -2 };
  const future = { from: 2, until: 9 };
  assert.match(faultOf([issue({ ...client, ...past }, root)])!, /^it expired on \d{4}-/);
  assert.match(faultOf([issue({ ...client, ...future }, root)])!, /^it is valid only from \d{4}-/);
  const old = below(root, past);
  assert.match(faultOf([issue(client, old), old])!, /^its issuer, CN=Middle, is not good: it expired on /);
  const early = below(root, future);
  assert.match(
    faultOf([issue(client, early), early])!,
    /^its issuer, CN=Middle, is not good: it is valid only from /,
  );
  const pinned = issue({ ...client, ...past });
  assert.match(faultOf([pinned], [pinned])!, /^it expired on /);
  // A configured authority is trusted as it is, as in full handshakes.
  assert.equal(faultOf([issue(client, root)], [authority("Root", { ...past, keys: root.keys })]), undefined);
});

Deno.test("ChainVerifier remembers what was good, and not for longer than that is valid", () => {
  const middle = below(root, { until: 5 });
  const chain = [issue(client, middle), middle].map(({ raw }) => raw);
  const verifier = new ChainVerifier([root.pem], "client");
  for (let round = 0; round < 2; round++) {
    assert.equal(verifier.faultOf(chain), undefined);
    assert.match(
      verifier.faultOf(chain, Date.now() + 6 * DAY)!,
      /^its issuer, CN=Middle, is not good: it expired on /,
    );
    assert.match(verifier.faultOf(chain, Date.now() + 31 * DAY)!, /^it expired on /);
    assert.match(verifier.faultOf(chain, Date.now() - 2 * DAY)!, /^it is valid only from /);
  }
  assert.equal(verifier.faultOf(chain.slice(0, 1)), "its issuer, CN=Middle, is not trusted");
  for (let count = 0; count < 300; count++) {
    assert.equal(verifier.faultOf([issue(client, root).raw]), undefined);
  }
  assert.equal(verifier.faultOf(chain), undefined);
});

Deno.test("ChainVerifier takes the first and the last second of a certificate for good", () => {
  const { raw } = issue(client, root);
  const { validFromDate, validToDate } = new X509Certificate(raw);
  for (const date of [validFromDate, validToDate]) {
    const verifier = new ChainVerifier([root.pem], "client");
    for (let round = 0; round < 2; round++) {
      assert.equal(verifier.faultOf([raw], date.getTime()), undefined);
    }
    assert.match(verifier.faultOf([raw], validFromDate.getTime() - 1)!, /^it is valid only from /);
    assert.match(verifier.faultOf([raw], validToDate.getTime() + 1)!, /^it expired on /);
  }
});

Deno.test("ChainVerifier refuses again what it has refused", () => {
  const verifier = new ChainVerifier([root.pem], "client");
  const unfit = issue({ subject: "a", extensions: [usableFor(SERVER_AUTH)] }, root).raw;
  for (let round = 0; round < 3; round++) {
    assert.equal(verifier.faultOf([unfit]), "its key usage does not allow it as a client's");
  }
  // Explaining does not approve a chain either.
  const stray = [issue(client, root).raw, issue(client, authority()).raw];
  assert.equal(verifier.explain(stray.slice(0, 1)), undefined);
  assert.equal(verifier.faultOf(stray.slice(1)), "its issuer, CN=Root, is not trusted");
});

Deno.test("ChainVerifier goes by what a certificate may be used for", () => {
  const unfit = "its key usage does not allow it as a client's";
  assert.equal(faultOf([issue({ subject: "a", extensions: [usableFor(SERVER_AUTH)] }, root)]), unfit);
  assert.equal(
    faultOf([issue({ subject: "a", extensions: [usableFor(SERVER_AUTH, CLIENT_AUTH)] }, root)]),
    undefined,
  );
  const middle = below(root, { extensions: [authorityFlag(), usableFor(SERVER_AUTH)] });
  assert.equal(faultOf([issue(client, middle), middle]), `its issuer, CN=Middle, is not good: ${unfit}`);
  const server = issue({ subject: "a", extensions: [usableFor(CLIENT_AUTH)] }, root);
  assert.equal(
    new ChainVerifier([root.pem], "upstream").faultOf([server.raw]),
    "its key usage does not allow it as a server's",
  );
  assert.equal(
    faultOf([issue({ subject: "a", extensions: [authorityFlag()] }, root)]),
    "it is an authority's own certificate",
  );
});

Deno.test("ChainVerifier accepts no issuer that is not an authority", () => {
  const issuerFault = (extensions: Uint8Array[]) => {
    const middle = below(root, { extensions });
    return faultOf([issue(client, middle), middle])?.replace("its issuer, CN=Middle, is not good: ", "");
  };
  assert.equal(issuerFault([noAuthority]), "it is no authority");
  assert.equal(issuerFault([]), "it is no authority");
  assert.equal(
    issuerFault([authorityFlag(), keyUsage(0)]),
    "its key usage does not allow it to sign certificates",
  );
  assert.equal(issuerFault([authorityFlag(), keyUsage(5)]), undefined);
  assert.equal(
    issuerFault([authorityFlag(), unknownExtension(true)]),
    "it has a critical extension, 1.2.3.4, that is not understood",
  );
  assert.equal(issuerFault([authorityFlag(), unknownExtension(false)]), undefined);
  const mallory = issue({ subject: "mallory", extensions: [noAuthority] }, root);
  const forged = issue({ subject: "admin" }, mallory);
  assert.equal(faultOf([forged, mallory]), "its issuer, CN=mallory, is not good: it is no authority");
});

Deno.test("ChainVerifier counts authorities where one says how many may follow", () => {
  const none = below(root, { extensions: [authorityFlag(0)] });
  const lower = below(none, { subject: "Lower" });
  assert.equal(faultOf([issue(client, none), none]), undefined);
  assert.equal(
    faultOf([issue(client, lower), lower, none]),
    "its issuer, CN=Middle, is not good: there are more authorities below it than it allows",
  );
});

Deno.test("ChainVerifier goes by the names that an authority may issue for", () => {
  const middle = below(root, {
    extensions: [
      authorityFlag(),
      onlyNames(dnsName("shop.test"), Uint8Array.of(0x87, 8, 10, 0, 0, 0, 255, 0, 0, 0)),
    ],
  });
  const fault = (...names: Uint8Array[]) =>
    faultOf([issue({ subject: "a", extensions: [alternativeNames(...names)] }, middle), middle]);
  const refused = "its issuer, CN=Middle, is not good: it may not issue for these names";
  const ip = (...bytes: number[]) => Uint8Array.of(0x87, bytes.length, ...bytes);
  assert.equal(fault(dnsName("a.shop.test"), dnsName("shop.test")), undefined);
  assert.equal(fault(dnsName("bank.test")), refused);
  assert.equal(fault(dnsName("workshop.test")), refused);
  assert.equal(fault(dnsName("shop.test"), dnsName("bank.test")), refused);
  assert.equal(fault(ip(10, 1, 2, 3)), undefined);
  assert.equal(fault(ip(11, 1, 2, 3)), refused);
  assert.equal(fault(ip(...new Uint8Array(16))), refused);
  const acme = nameOf([organization("Acme")]);
  const directory = Uint8Array.of(0xa4, acme.length, ...acme);
  const excluding = below(root, { extensions: [authorityFlag(), notNames(dnsName("shop.test"), directory)] });
  const leaf = (subject: string | Uint8Array, ...names: Uint8Array[]) =>
    faultOf([
      issue({ subject, extensions: names.length ? [alternativeNames(...names)] : [] }, excluding),
      excluding,
    ]);
  assert.equal(leaf("a", dnsName("bank.test")), undefined);
  assert.equal(leaf("a", dnsName("a.shop.test")), refused);
  assert.equal(leaf("a", dnsName("*.test")), refused, "a wildcard for what is excluded");
  assert.equal(leaf("a", dnsName("*.bank.test")), undefined);
  assert.equal(leaf(nameOf([organization("Acme")], [commonName("a")])), refused);
  assert.equal(leaf(nameOf([organization("Other")], [commonName("a")])), undefined);
  const constrained = authority("Root", { extensions: [authorityFlag(), onlyNames(dnsName("shop.test"))] });
  assert.equal(
    faultOf([issue({ subject: "a", extensions: [alternativeNames(dnsName("b.test"))] }, constrained)], [
      constrained,
    ]),
    "its issuer, CN=Root, may not issue for its names",
  );
});

Deno.test("ChainVerifier says what to do about X.509 version 1", () => {
  assert.match(
    faultOf([issue({ subject: "alice", version: 1 }, root)])!,
    /^it is of X\.509 version 1; make it version 3, as "openssl x509 -req" does with -extfile FILE /,
  );
  const middle = below(root, { version: 1, extensions: [] });
  assert.match(
    faultOf([issue(client, middle), middle])!,
    /^its issuer, CN=Middle, is not good: it is of X\.509 version 1/,
  );
  // An authority may be of version 1: its own certificate is not checked.
  const old = authority("Old", { version: 1, extensions: [] });
  assert.equal(faultOf([issue(client, old)], [old]), undefined);
  assert.equal(faultOf([old], [old]), undefined, "so may one that was named itself");
  const odd = authority("Odd", { extensions: [authorityFlag(), authorityFlag()] });
  assert.equal(faultOf([issue(client, odd)], [odd]), undefined, "nor may it be read in all its parts");
});

Deno.test("ChainVerifier verifies signatures of every kind that TLS takes, and no weak ones", () => {
  const rsa = (modulusLength: number) => generateKeyPairSync("rsa", { modulusLength });
  const strong = rsa(2048);
  const cases = [
    ["sha256", newKeys(), true],
    ["sha384", newKeys("P-384"), true],
    ["sha256", newKeys("P-384"), true],
    ["ed25519", generateKeyPairSync("ed25519"), true],
    ["rsaSha256", strong, true],
    ["rsaSha384", strong, true],
    ["rsaSha512", strong, true],
    ["pssSha256", strong, true],
    ["pssSha384", strong, true],
    ["pssSha512", strong, true],
    ["rsaSha1", strong, false],
    ["pssSha1", strong, false],
    ["sha256", newKeys("secp256k1"), false],
    ["rsaSha256", rsa(1024), false],
  ] as const;
  for (const [name, keys, isGood] of cases) {
    const issuer = { name: nameOf([commonName("Signer")]), keys, scheme: SCHEMES[name] };
    // Its own signature does not matter, so it may be of another key.
    const named = issue({ subject: "Signer", extensions: [authorityFlag()], keys }, root);
    const fault = faultOf([issue(client, issuer)], [named]);
    assert.equal(fault, isGood ? undefined : "its issuer, CN=Signer, is not trusted", name);
  }
});

Deno.test("isSignedBy() takes no key that cannot be read for the signer's", () => {
  const certificate = readCertificate(issue(client, root).raw);
  assert.equal(isSignedBy(certificate, readAuthority(root.raw).publicKey), true);
  for (const key of [[], [0x30, 0], [...readAuthority(root.raw).publicKey.subarray(1)]]) {
    assert.equal(isSignedBy(certificate, Uint8Array.from(key)), false);
  }
});

Deno.test("ChainVerifier refuses a certificate that was changed anywhere, and survives whatever comes", () => {
  const middle = below(root);
  const good = issue(client, middle).raw;
  const verifier = new ChainVerifier([root.pem], "client");
  assert.equal(verifier.faultOf([good, middle.raw]), undefined);
  for (let at = 0; at < good.length; at++) {
    for (const bit of [1, 0x80]) {
      const changed = good.slice();
      changed[at]! ^= bit;
      assert.notEqual(verifier.faultOf([changed, middle.raw]), undefined, `byte ${at}`);
    }
    assert.notEqual(verifier.faultOf([good.subarray(0, at), middle.raw]), undefined);
  }
  assert.notEqual(verifier.faultOf([Uint8Array.of(...good, 0), middle.raw]), undefined);
  assert.notEqual(verifier.faultOf([new Uint8Array()]), undefined);
});

Deno.test("explain() says the same of what is bad, and verifies two signatures", () => {
  const explain = (...chain: Issued[]) =>
    new ChainVerifier([root.pem], "client").explain(chain.map(({ raw }) => raw));
  const old = below(root, { from: -9, until: -2 });
  for (
    const chain of [
      [issue(client, authority())],
      [issue(client, old), old],
      [issue({ subject: "alice", version: 1 }, root)],
      [issue({ subject: "a", extensions: [usableFor(SERVER_AUTH)] }, root)],
      [],
    ]
  ) {
    assert.notEqual(explain(...chain), undefined);
    assert.equal(explain(...chain), faultOf(chain));
  }
  const middle = below(root);
  assert.equal(explain(issue(client, middle), middle), undefined);
  // It has verified that the first has not issued it, and that the second has; nothing else.
  const leaf = issue(client, middle);
  assert.equal(explain(leaf, below(root), middle), "its issuer, CN=Root, is not trusted");
  assert.equal(faultOf([leaf, below(root), middle]), undefined);
  // An explained chain is not cached.
  const verifier = new ChainVerifier([root.pem], "client");
  const mallory = issue(client, authority()).raw;
  for (let round = 0; round < 2; round++) {
    verifier.explain([mallory]);
    assert.notEqual(verifier.faultOf([mallory]), undefined);
  }
});

Deno.test("ChainVerifier stops in a maze of authorities", () => {
  const keys = newKeys();
  const maze = Array.from(
    { length: 15 },
    () => below({ name: nameOf([commonName("Middle")]), keys }, { keys }),
  );
  const leaf = issue(client, { name: maze[0]!.name, keys });
  assert.equal(faultOf([leaf, ...maze]), "its issuer, CN=Middle, is not trusted");
  assert.equal(faultOf([leaf, ...maze, ...maze]), "its chain is too long");
});

/** An authority below another one, and this many more below it, the lowest first. */
function lineage(depth: number): Issued[] {
  const chain: Issued[] = [];
  for (let level = 0; level < depth; level++) {
    chain.unshift(below(chain[0] ?? root, { subject: `Level ${level}` }));
  }
  return chain;
}

/** This many authorities of one name, of which the last one has issued the leaf. */
function namesakes(count: number): Issued[] {
  const all = Array.from({ length: count }, () => below(root));
  return [issue(client, all.at(-1)!), ...all];
}

Deno.test("ChainVerifier goes as far as six authorities, and no further", () => {
  const six = lineage(6);
  assert.equal(faultOf([issue(client, six[0]), ...six]), undefined);
  const seven = lineage(7);
  assert.equal(faultOf([issue(client, seven[0]), ...seven]), "its issuer, CN=Level 0, is not trusted");
});

Deno.test("ChainVerifier verifies eight signatures, and no more", () => {
  // One for each of the namesakes, and the one of the authority.
  assert.equal(faultOf(namesakes(7)), undefined);
  assert.equal(faultOf(namesakes(8)), "its issuer, CN=Root, is not trusted");
});

Deno.test("ChainVerifier looks at a chain of sixteen, and at no longer one", () => {
  const stray = authority("Stray");
  const chain = (length: number) => [issue(client, root), ...Array.from({ length: length - 1 }, () => stray)];
  assert.equal(faultOf(chain(16)), undefined);
  assert.equal(faultOf(chain(17)), "its chain is too long");
});

Deno.test("ChainVerifier does not count an authority that only has new keys", () => {
  const old = below(root, { extensions: [authorityFlag(0)] });
  const renewed = below(old);
  assert.equal(faultOf([issue(client, renewed), renewed, old]), undefined);
  const lower = below(renewed, { subject: "Lower" });
  assert.equal(
    faultOf([issue(client, lower), lower, renewed, old]),
    "its issuer, CN=Middle, is not good: there are more authorities below it than it allows",
  );
  const one = below(root, { extensions: [authorityFlag(1)] });
  const next = below(one, { subject: "Lower" });
  assert.equal(faultOf([issue(client, next), next, one]), undefined);
});

Deno.test("ChainVerifier says what was wrong with the first way that it tried", () => {
  const old = below(root, { from: -9, until: -2 });
  const plain = below(root, { extensions: [noAuthority], keys: old.keys });
  const leaf = issue(client, old);
  assert.match(faultOf([leaf, old, plain])!, /^its issuer, CN=Middle, is not good: it expired on /);
  assert.equal(faultOf([leaf, plain, old]), "its issuer, CN=Middle, is not good: it is no authority");
  const constrained = authority("Root", { extensions: [authorityFlag(), onlyNames(dnsName("shop.test"))] });
  const over = below(constrained, { from: -9, until: -2 });
  const middle = below(constrained, { keys: over.keys });
  const named = issue({ subject: "a", extensions: [alternativeNames(dnsName("b.test"))] }, middle);
  assert.equal(
    faultOf([named, middle, over], [constrained]),
    "its issuer, CN=Root, may not issue for its names",
  );
  assert.match(
    faultOf([named, over, middle], [constrained])!,
    /^its issuer, CN=Middle, is not good: it expired on /,
  );
});

Deno.test("ChainVerifier goes by the names of the certificate, however far above the constraint is", () => {
  const shopOnly = [authorityFlag(), onlyNames(dnsName("shop.test"))];
  const named = (name: string, issuer: Issuer) =>
    issue({ subject: "a", extensions: [alternativeNames(dnsName(name))] }, issuer);
  const constrained = authority("Root", { extensions: shopOnly });
  const middle = below(constrained);
  assert.equal(faultOf([named("shop.test", middle), middle], [constrained]), undefined);
  assert.equal(
    faultOf([named("b.test", middle), middle], [constrained]),
    "its issuer, CN=Root, may not issue for its names",
  );
  const upper = below(root, { subject: "Upper", extensions: shopOnly });
  const lower = below(upper, { subject: "Lower" });
  assert.equal(faultOf([named("shop.test", lower), lower, upper]), undefined);
  assert.equal(
    faultOf([named("b.test", lower), lower, upper]),
    "its issuer, CN=Upper, is not good: it may not issue for these names",
  );
});

Deno.test("ChainVerifier refuses what it does not understand in the certificate itself", () => {
  assert.equal(
    faultOf([issue({ subject: "a", extensions: [unknownExtension(true)] }, root)]),
    "it has a critical extension, 1.2.3.4, that is not understood",
  );
  assert.equal(faultOf([issue({ subject: "a", extensions: [unknownExtension(false)] }, root)]), undefined);
});

Deno.test("ChainVerifier takes no failure of its own for an approval", () => {
  const good = issue(client, root).raw;
  assert.throws(() => new ChainVerifier(["no PEM"], "client").faultOf([good]));
  const holes = [good, undefined] as unknown as Uint8Array[];
  assert.throws(() => new ChainVerifier([root.pem], "client").faultOf(holes), TypeError);
  assert.throws(() => new ChainVerifier([root.pem], "client").explain(holes), TypeError);
});

/** Counts how often it was iterated, which takes more than a cache key. */
class Chain extends Array<Uint8Array> {
  judged = 0;

  override [Symbol.iterator]() {
    this.judged += 1;
    return super[Symbol.iterator]();
  }
}

const remembering = (id: number, keys = newKeys()) =>
  Chain.of(issue({ subject: `${id}`, keys }, root).raw) as Chain;

Deno.test("ChainVerifier judges what it has found good once, as long as that is valid", () => {
  const verifier = new ChainVerifier([root.pem], "client");
  const chain = remembering(1);
  const { validFromDate, validToDate } = new X509Certificate(chain[0]!);
  for (const now of [Date.now(), validFromDate.getTime(), validToDate.getTime()]) {
    assert.equal(verifier.faultOf(chain, now), undefined);
    assert.equal(chain.judged, 1);
  }
  for (const date of [validFromDate.getTime() - 1, validToDate.getTime() + 1]) {
    chain.judged = 0;
    assert.notEqual(verifier.faultOf(chain, date), undefined);
    assert.equal(chain.judged, 1);
  }
});

Deno.test("ChainVerifier remembers 256 chains, the latest ones", () => {
  const verifier = new ChainVerifier([root.pem], "client");
  const keys = newKeys();
  const chains = Array.from({ length: 257 }, (_, id) => remembering(id, keys));
  for (const chain of chains) assert.equal(verifier.faultOf(chain), undefined);
  for (const chain of chains.slice(1)) assert.equal(verifier.faultOf(chain), undefined);
  assert.ok(chains.every(({ judged }) => judged === 1));
  assert.equal(verifier.faultOf(chains[0]!), undefined);
  assert.equal(chains[0]!.judged, 2);
});

Deno.test("ChainVerifier reads its authorities once", () => {
  const authorities = [root.pem];
  let reads = 0;
  authorities.flatMap = ((read: (pem: string) => unknown[]) => {
    reads += 1;
    return [root.pem].flatMap(read);
  }) as typeof authorities.flatMap;
  const verifier = new ChainVerifier(authorities, "client");
  assert.equal(verifier.faultOf([issue(client, root).raw]), undefined);
  assert.equal(verifier.faultOf([issue(client, root).raw]), undefined);
  assert.equal(reads, 1);
});
