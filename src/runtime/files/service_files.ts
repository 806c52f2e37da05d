/** The certificates and keys of one service, as last read from its files. */

import type { ServiceConfig, TlsConfig, UpstreamTlsConfig } from "../../config/config.ts";
import { type Credentials, loadAuthorities, loadCredentials } from "../../net/tls/credentials.ts";
import type { TlsMaterial } from "../../proxy/tls_termination.ts";
import type { UpstreamTlsMaterial } from "../../upstream/upstream_tls.ts";

/** The contents of the files, for TLS with clients and with upstreams. */
interface Read {
  readonly certificates: readonly Credentials[];
  readonly clientAuthorities: readonly string[];
  readonly upstream: Credentials | undefined;
  readonly upstreamAuthorities: readonly string[] | undefined;
}

export type FilesOf = Pick<ServiceConfig, "name" | "tls" | "upstreamTls">;

const NOTHING: Read = {
  certificates: [],
  clientAuthorities: [],
  upstream: undefined,
  upstreamAuthorities: undefined,
};

export class ServiceFiles {
  readonly config: FilesOf;
  #read: Read = NOTHING;

  constructor(config: FilesOf) {
    this.config = config;
  }

  /** The certificates for clients. */
  get certificates(): readonly Credentials[] {
    return this.#read.certificates;
  }

  /** The certificates for clients and for upstreams. */
  get all(): readonly Credentials[] {
    const { certificates, upstream } = this.#read;
    return upstream === undefined ? certificates : [...certificates, upstream];
  }

  get tls(): TlsMaterial | undefined {
    const { certificates, clientAuthorities } = this.#read;
    if (this.config.tls === undefined) return undefined;
    return { certificates: certificates.map(({ identity }) => identity), clientAuthorities };
  }

  get upstreamTls(): UpstreamTlsMaterial | undefined {
    const { upstream, upstreamAuthorities: authorities } = this.#read;
    return this.config.upstreamTls && { authorities, credentials: upstream?.identity };
  }

  get paths(): string[] {
    const { tls, upstreamTls } = this.config;
    return [
      ...tls === undefined ? [] : pathsOf(tls),
      ...upstreamTls === undefined ? [] : upstreamPathsOf(upstreamTls),
    ];
  }

  /** Reads the files. If one is unusable, all files of its side stay as they were. */
  async read(attempt: Attempt): Promise<void> {
    const { tls, upstreamTls } = this.config;
    if (tls !== undefined) {
      const read = await attempt("tls", () => readTls(tls));
      if (read !== undefined) this.#read = { ...this.#read, ...read };
    }
    if (upstreamTls !== undefined) {
      const read = await attempt("upstream_tls", () => readUpstreamTls(upstreamTls));
      if (read !== undefined) this.#read = { ...this.#read, ...read };
    }
  }
}

/** Loads the files of a section; records an error and returns undefined. */
export type Attempt = <Loaded>(
  key: "tls" | "upstream_tls",
  load: () => Promise<Loaded>,
) => Promise<Loaded | undefined>;

async function readTls(
  { certificates, clientCa }: TlsConfig,
): Promise<Pick<Read, "certificates" | "clientAuthorities">> {
  return {
    certificates: await Promise.all(certificates.map((files) => loadCredentials(files))),
    clientAuthorities: clientCa === undefined ? [] : await loadAuthorities(clientCa),
  };
}

async function readUpstreamTls(
  { ca, certificate }: UpstreamTlsConfig,
): Promise<Pick<Read, "upstream" | "upstreamAuthorities">> {
  const upstreamAuthorities = ca === undefined ? undefined : await loadAuthorities(ca);
  return {
    upstream: certificate === undefined ? undefined : await loadCredentials(certificate),
    upstreamAuthorities,
  };
}

function pathsOf({ certificates, clientCa }: TlsConfig): string[] {
  const paths = certificates.flatMap(({ cert, key }) => [cert, key]);
  return clientCa === undefined ? paths : [...paths, clientCa];
}

function upstreamPathsOf({ ca, certificate }: UpstreamTlsConfig): string[] {
  return [ca, certificate?.cert, certificate?.key].filter((path) => path !== undefined);
}
