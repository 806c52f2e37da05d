/** The certificates and keys of one service, as last read from its files. */

import type { RouteConfig, ServiceConfig, TlsConfig, UpstreamTlsConfig } from "../../config/config.ts";
import { type Credentials, loadAuthorities, loadCredentials } from "../../net/tls/credentials.ts";
import { loadRevocationFile, type RevocationFile } from "../../net/tls/revocation_file.ts";
import { CredentialsError } from "../../net/tls/pem.ts";
import type { ServiceTlsMaterial, TlsMaterial } from "../../proxy/tls_termination.ts";
import type { UpstreamTlsMaterial } from "../../upstream/upstream_tls.ts";

/** The sections of a service that can name files. */
export type TlsKey = "tls" | `routes[${number}].tls` | "upstream_tls";

/** The settings that name files. */
export interface FilesOf extends Pick<ServiceConfig, "name" | "tls" | "upstreamTls"> {
  readonly routes: readonly Pick<RouteConfig, "tls">[];
}

/** A certificate for clients, and where the configuration names it. */
export interface ClientCertificate {
  readonly section: ClientSection;
  /** In the section. */
  readonly index: number;
  /** The file. */
  readonly path: string;
  readonly credentials: Credentials;
}

/** The `tls` of a service or route. */
export interface ClientSection {
  readonly key: TlsKey;
  /** The index of the route. */
  readonly route: number | undefined;
  readonly config: TlsConfig;
}

/** The settings of a service that name files. */
export function filesOf({ name, tls, upstreamTls, routes }: ServiceConfig): FilesOf {
  return { name, tls, upstreamTls, routes: routes.map((route) => ({ tls: route.tls })) };
}

export class ServiceFiles {
  readonly config: FilesOf;
  readonly #sections: readonly ClientSection[];
  #clients: ReadonlyMap<ClientSection, ClientFiles> = new Map();
  #upstreams: UpstreamFiles = { certificate: undefined, authorities: undefined };

  constructor(config: FilesOf) {
    this.config = config;
    this.#sections = sectionsOf(config);
  }

  /** Whether no setting names files. */
  get isEmpty(): boolean {
    return this.#sections.length === 0 && this.config.upstreamTls === undefined;
  }

  /** The certificates for clients: those of the service, then those of its routes. */
  get certificates(): readonly ClientCertificate[] {
    return this.#sections.flatMap((section) => {
      const { certificates = [] } = this.#clients.get(section) ?? {};
      return certificates.map((credentials, index) => {
        return { section, index, path: section.config.certificates[index]!.cert, credentials };
      });
    });
  }

  /** The certificate for upstreams. */
  get upstreamCertificate(): Credentials | undefined {
    return this.#upstreams.certificate;
  }

  /** The files with revocation lists of clients' certificates, each once. */
  get revocations(): readonly RevocationFile[] {
    const files = this.#clients.values().map(({ revocations }) => revocations).filter((file) =>
      file !== undefined
    );
    return [...new Map(files.map((file) => [file.path, file])).values()];
  }

  /** The certificates for clients and for upstreams. */
  get all(): readonly Credentials[] {
    const clients = this.certificates.map(({ credentials }) => credentials);
    return this.upstreamCertificate === undefined ? clients : [...clients, this.upstreamCertificate];
  }

  get tls(): ServiceTlsMaterial | undefined {
    if (this.#sections.length === 0) return undefined;
    const materialOf = (route: number | undefined): TlsMaterial | undefined => {
      const section = this.#sections.find((each) => each.route === route);
      const files = section && this.#clients.get(section);
      return files && {
        certificates: files.certificates.map(({ identity }) => identity),
        clientAuthorities: files.authorities,
        revocationLists: files.revocations?.lists,
      };
    };
    return { own: materialOf(undefined), routes: this.config.routes.map((_, index) => materialOf(index)) };
  }

  get upstreamTls(): UpstreamTlsMaterial | undefined {
    const { certificate, authorities } = this.#upstreams;
    return this.config.upstreamTls && { authorities, credentials: certificate?.identity };
  }

  get paths(): string[] {
    const { ca, certificate } = this.config.upstreamTls ?? {};
    const clients = this.#sections.flatMap(({ config: { certificates, clientCa, crl } }) => [
      ...certificates.flatMap(({ cert, key }) => [cert, key]),
      clientCa,
      crl,
    ]);
    return [...clients, ca, certificate?.cert, certificate?.key].filter((path) => path !== undefined);
  }

  /** Reads the files. If one is unusable, all files of its section stay as they were. */
  async read(
    onProblem: (section: ClientSection | undefined, error: CredentialsError) => void,
  ): Promise<void> {
    const attempt = async <Loaded>(
      section: ClientSection | undefined,
      loading: Promise<Loaded> | undefined,
    ) => {
      try {
        return await loading;
      } catch (error) {
        if (!(error instanceof CredentialsError)) throw error;
        onProblem(section, error);
        return undefined;
      }
    };
    const before = this.#clients;
    const read = new Map<ClientSection, ClientFiles>();
    for (const section of this.#sections) {
      const known = before.get(section);
      const files = await attempt(section, readTls(section.config, known?.certificates)) ?? known;
      if (files !== undefined) read.set(section, files);
    }
    this.#clients = read;
    const { upstreamTls } = this.config;
    this.#upstreams = await attempt(undefined, upstreamTls && readUpstreamTls(upstreamTls)) ??
      this.#upstreams;
  }
}

function sectionsOf({ tls, routes }: FilesOf): ClientSection[] {
  const own: ClientSection[] = tls === undefined ? [] : [{ key: "tls", route: undefined, config: tls }];
  return own.concat(
    routes.flatMap(({ tls }, route): ClientSection[] =>
      tls ? [{ key: `routes[${route}].tls`, route, config: tls }] : []
    ),
  );
}

/** The contents of the files, for TLS with clients and with upstreams. */
interface ClientFiles {
  readonly certificates: readonly Credentials[];
  readonly authorities: readonly string[];
  readonly revocations: RevocationFile | undefined;
}
interface UpstreamFiles {
  readonly certificate: Credentials | undefined;
  readonly authorities: readonly string[] | undefined;
}

/** @param known Those of before: a certificate that is ordered may not be there, and is none to start without. */
async function readTls(
  { certificates: pairs, acme, clientCa, crl }: TlsConfig,
  known: readonly Credentials[] = [],
): Promise<ClientFiles> {
  const certificates = await Promise.all(pairs.map((files) => loadCredentials(files))).catch((error) => {
    if (acme === undefined || !(error instanceof CredentialsError)) throw error;
    return known;
  });
  // Read again for each order; a mistake in it should be known before.
  if (acme?.ca !== undefined) await loadAuthorities(acme.ca, "acme_ca");
  const authorities = clientCa === undefined ? [] : await loadAuthorities(clientCa);
  const revocations = crl === undefined ? undefined : await loadRevocationFile(crl, authorities);
  return { certificates, authorities, revocations };
}

async function readUpstreamTls({ ca, certificate }: UpstreamTlsConfig): Promise<UpstreamFiles> {
  const authorities = ca === undefined ? undefined : await loadAuthorities(ca);
  return { certificate: certificate && await loadCredentials(certificate), authorities };
}
