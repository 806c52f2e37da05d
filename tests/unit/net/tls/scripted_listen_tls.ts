/** Replaces Deno.listenTls: the test decides which clients connect, and when. */

/** Replaces it until it is disposed of. */
export class ScriptedDeno implements Disposable {
  /** Pending accepts of all listeners, in the order they began. */
  readonly accepts: PromiseWithResolvers<Deno.TlsConn>[] = [];
  /** Ports of the listeners that were closed: 4321, 4322 and so on. */
  readonly closed: number[] = [];
  /** The options of all binds. */
  readonly calls: (Deno.ListenTlsOptions & Deno.TlsCertifiedKeyPem)[] = [];
  /** How many more binds of a port other than 0 fail. */
  freeAgainAfter = 0;
  readonly #listenTls = Deno.listenTls;
  #port = 4321;

  constructor() {
    Deno.listenTls = (options) => {
      const { port } = options;
      this.calls.push(options);
      if (port !== 0 && this.freeAgainAfter-- > 0) throw new Deno.errors.AddrInUse("in use");
      return this.#listener(this.#port++) as unknown as Deno.TlsListener;
    };
  }

  resolve({ resolve }: PromiseWithResolvers<Deno.TlsConn>): void {
    resolve({ close: () => {} } as unknown as Deno.TlsConn);
  }

  [Symbol.dispose](): void {
    Deno.listenTls = this.#listenTls;
  }

  #listener(port: number) {
    return {
      addr: { transport: "tcp", hostname: "127.0.0.1", port },
      accept: () => {
        const accept = Promise.withResolvers<Deno.TlsConn>();
        this.accepts.push(accept);
        return accept.promise;
      },
      close: () => void this.closed.push(port),
    };
  }
}
