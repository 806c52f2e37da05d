/**
 * A registry that answers like JSR, with the stand-ins of `tests/offline` for the packages of the standard library: for
 * commands of Deno that need packages from a registry, such as `deno publish --dry-run`.
 */

import { createHash } from "node:crypto";
import denoJson from "../../deno.json" with { type: "json" };
import offline from "../offline/import_map.json" with { type: "json" };

interface Package {
  readonly version: string;
  /** The path of each file, from `/`, and its text. */
  readonly files: ReadonlyMap<string, string>;
  readonly exports: Readonly<Record<string, string>>;
}

export class JsrRegistry implements AsyncDisposable {
  readonly #packages: ReadonlyMap<string, Package>;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    this.#packages = new Map(
      Object.entries(denoJson.imports)
        .filter(([, target]) => target.startsWith("jsr:"))
        .map(([name, target]) => [name, standIn(name, target)]),
    );
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => this.#answer(new URL(request.url).pathname),
    );
  }

  /** The value for JSR_URL. */
  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  #answer(path: string): Response {
    const [, scope, short, ...rest] = path.split("/");
    const found = this.#packages.get(`${scope}/${short}`);
    if (found === undefined) return new Response("No such package", { status: 404 });
    const { version, files, exports } = found;
    const file = rest.join("/");
    if (file === "meta.json") {
      return Response.json({
        scope: scope!.slice(1),
        name: short,
        latest: version,
        versions: { [version]: {} },
      });
    }
    if (file === `${version}_meta.json`) {
      const manifest = Object.fromEntries(
        [...files].map(([path, text]) => [path, {
          size: new TextEncoder().encode(text).byteLength,
          checksum: `sha256-${createHash("sha256").update(text).digest("hex")}`,
        }]),
      );
      return Response.json({ manifest, exports });
    }
    const text = files.get(file.slice(version.length));
    return text === undefined ? new Response("No such file", { status: 404 }) : new Response(text);
  }
}

/** @param target Such as `jsr:@std/cli@^1.0.28`; the registry has its lowest version. */
function standIn(name: string, target: string): Package {
  const version = target.slice(target.lastIndexOf("^") + 1);
  const entries = Object.entries(offline.imports).filter(([specifier]) => specifier.startsWith(`${name}/`));
  const files = new Map(entries.map(([, path]) => [path.slice(1), text(path)]));
  const exports = Object.fromEntries(
    entries.map(([specifier, path]) => [`.${specifier.slice(name.length)}`, path]),
  );
  return { version, files, exports };
}

function text(path: string): string {
  return Deno.readTextFileSync(new URL(`../offline/${path}`, import.meta.url));
}
