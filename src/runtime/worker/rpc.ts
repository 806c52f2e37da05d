/** Typed calls between isolates: an interface on one side, an object that implements it on the other. */

import { messageOf } from "../../observe/log/error_text.ts";

/** The methods of an interface that the other side does not answer: those that return no promise. */
export type Posted<Calls> = {
  readonly [Name in keyof Calls as Calls[Name] extends (...args: never) => Promise<unknown> ? never : Name]:
    true;
};

/** A message of either side. */
export type RpcMessage =
  | { readonly call: string; readonly args: unknown[]; readonly id: number | undefined }
  | { readonly answer: number; readonly value: unknown }
  | { readonly failure: number; readonly message: string };

type Method = (...args: unknown[]) => unknown;

/** An object with the methods of an interface, each of which is `call` with its name. */
export function forwarder<Calls>(call: (name: string, args: unknown[]) => unknown): Calls {
  const get = (_: object, name: string | symbol) =>
    // `await` asks any value for `then`; it must not become a call.
    name === "then" ? undefined : (...args: unknown[]) => call(String(name), args);
  return new Proxy({}, { get }) as Calls;
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

  /** @param posted The methods of `Remote` that it does not answer. */
  constructor(posted: Posted<Remote>, send: (message: RpcMessage) => void) {
    this.#send = send;
    this.remote = forwarder((call, args) =>
      Object.hasOwn(posted, call) ? this.#post({ call, args, id: undefined }) : this.#ask(call, args)
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
      this.#post({ failure: id, message: messageOf(error) });
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
