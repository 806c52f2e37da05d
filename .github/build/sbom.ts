/**
 * Writes what is in an executable as CycloneDX 1.6: `sbom.ts LOCK FILE`. The lock file is that of the build
 * (`deno cache --lock`), so that names, versions and hashes are those of the packages that were compiled.
 */

import denoJson from "../../deno.json" with { type: "json" };

/** The part of a lock file that is used here. */
export interface Lock {
  readonly version: string;
  readonly jsr?: Readonly<Record<string, LockedPackage>>;
  readonly npm?: Readonly<Record<string, LockedPackage>>;
}

interface LockedPackage {
  /** For npm `sha512-BASE64`, for JSR the SHA-256 sum of its list of files in hexadecimal digits. */
  readonly integrity: string;
}

export interface Component {
  readonly type: "library" | "platform";
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly "bom-ref": string;
  readonly hashes?: readonly { readonly alg: "SHA-512" | "SHA-256"; readonly content: string }[];
}

export interface Bom {
  readonly bomFormat: "CycloneDX";
  readonly specVersion: "1.6";
  readonly version: 1;
  readonly metadata: { readonly component: Readonly<Record<string, unknown>> };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

if (import.meta.main) {
  const [lock, file] = Deno.args;
  if (lock === undefined || file === undefined) throw new Error("Usage: sbom.ts LOCK FILE");
  const bom = bomOf(JSON.parse(await Deno.readTextFile(lock)), Deno.version);
  await Deno.writeTextFile(file, `${JSON.stringify(bom, undefined, 2)}\n`);
}

/**
 * The same for the same lock file: it has no time and no random number.
 *
 * @param runtime The versions of the runtime that is compiled in.
 *
 * @throws {Error} for a lock file of another version, or one without packages
 */
export function bomOf(lock: Lock, runtime: { readonly deno: string; readonly v8: string }): Bom {
  if (lock.version !== "5") throw new Error(`Lock files of version ${lock.version} are not known here`);
  const packages = [
    ...Object.entries(lock.jsr ?? {}).map(([id, one]) => packageOf("jsr", id, one)),
    ...Object.entries(lock.npm ?? {}).map(([id, one]) => packageOf("npm", id, one)),
  ];
  if (packages.length === 0) throw new Error("The lock file has no packages");
  const components = [
    platform("deno", runtime.deno, `pkg:github/denoland/deno@v${runtime.deno}`),
    platform("v8", runtime.v8, `pkg:generic/v8@${runtime.v8}`),
    ...packages,
  ];
  const ref = `pkg:generic/sluice@${denoJson.version}`;
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: {
        type: "application",
        name: "sluice",
        version: denoJson.version,
        purl: ref,
        "bom-ref": ref,
        licenses: [{ license: { id: denoJson.license } }],
      },
    },
    components,
    dependencies: [{ ref, dependsOn: components.map((one) => one["bom-ref"]) }],
  };
}

function platform(name: string, version: string, purl: string): Component {
  return { type: "platform", name, version, purl, "bom-ref": purl };
}

/** @param id As in `@std/cli@1.0.28`; npm adds `_` and the versions of peers. */
function packageOf(registry: "jsr" | "npm", id: string, { integrity }: LockedPackage): Component {
  const [, name, version] = /^(@?[^@]+)@([^_]+)/.exec(id) ?? [];
  if (name === undefined || version === undefined) throw new Error(`Cannot read the package "${id}"`);
  const purl = `pkg:${registry}/${name.replace(/^@/, "%40")}@${version}`;
  const hash = registry === "jsr"
    ? { alg: "SHA-256" as const, content: integrity }
    : { alg: "SHA-512" as const, content: hexOf(integrity) };
  return { type: "library", name, version, purl, "bom-ref": purl, hashes: [hash] };
}

function hexOf(integrity: string): string {
  const [, base64] = /^sha512-(.+)$/.exec(integrity) ?? [];
  if (base64 === undefined) throw new Error(`Cannot read the hash "${integrity}"`);
  return Uint8Array.fromBase64(base64).toHex();
}
