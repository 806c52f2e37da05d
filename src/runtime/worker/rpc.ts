/** Typed calls between isolates: an interface on one side, an object that implements it on the other. */

/** Which methods of an interface the other side answers: those that return a promise. */
export type Answered<Calls> = {
  readonly [Name in keyof Calls]: Calls[Name] extends (...args: never) => Promise<unknown> ? true : false;
};

/** A message of either side. */
export type RpcMessage =
  | { readonly call: string; readonly args: unknown[]; readonly id: number | undefined }
  | { readonly answer: number; readonly value: unknown }
  | { readonly failure: number; readonly message: string };

type Method = (...args: unknown[]) => unknown;

/** An object with a method for each of an interface. */
export function forwarder<Calls>(
  answered: Readonly<Record<string, boolean>>,
  methodOf: (name: string, isAnswered: boolean) => Method,
): Calls {
  const methods: unknown = Object.fromEntries(
    Object.entries(answered).map(([name, isAnswered]) => [name, methodOf(name, isAnswered)]),
  );
  return methods as Calls;
}

/** Calls a method by its name. */
export function invoke(target: object, name: string, args: unknown[]): unknown {
  const method: unknown = target[name as keyof typeof target];
  return (method as Method).apply(target, args);
}

export class Rpc<Local extends object, Remote extends object> {
  /** Calls the other side. A call that it fails to carry out rejects with the message of its error. */
  readonly remote: Remote;
  readonly #send: (message: RpcMessage) => void;
  readonly #pending = new Map<number, PromiseWithResolvers<unknown>>();
  #lastId = 0;
  #ended: Error | undefined;

  /** @param answered The methods of `Remote`. */
  constructor(answered: Answered<Remote>, send: (message: RpcMessage) => void) {
    this.#send = send;
    this.remote = forwarder(
      answered,
      (call, isAnswered) => (...args) =>
        isAnswered ? this.#ask(call, args) : this.#post({ call, args, id: undefined }),
    );
  }

  /** Takes a message of the other side: carries out a call of `local`, or settles one of {@linkcode remote}. */
  async receive(message: RpcMessage, local: Local): Promise<void> {
    if ("answer" in message) return this.#take(message.answer)?.resolve(message.value);
    if ("failure" in message) return this.#take(message.failure)?.reject(new Error(message.message));
    const { call, args, id } = message;
    try {
      const value = await invoke(local, call, args);
      if (id !== undefined) this.#post({ answer: id, value });
    } catch (error) {
      if (id === undefined) throw error;
      this.#post({ failure: id, message: error instanceof Error ? error.message : String(error) });
    }
  }

  /** The other side has ended: rejects all pending calls and later ones with `error`, and sends nothing more. */
  end(error: Error): void {
    this.#ended = error;
    for (const { reject } of this.#pending.values()) reject(error);
  }

  #ask(call: string, args: unknown[]): Promise<unknown> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = this.#lastId += 1;
    const pending = Promise.withResolvers<unknown>();
    this.#pending.set(id, pending);
    this.#post({ call, args, id });
    return pending.promise;
  }

  #post(message: RpcMessage): void {
    if (this.#ended === undefined) this.#send(message);
  }

  #take(id: number): PromiseWithResolvers<unknown> | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }
}
