/** The workers that are started while it is there. */
export class StartedWorkers implements Disposable {
  readonly all: Worker[] = [];
  readonly #original = globalThis.Worker;

  constructor() {
    const { all } = this;
    globalThis.Worker = class extends this.#original {
      constructor(...args: ConstructorParameters<typeof Worker>) {
        super(...args);
        all.push(this);
      }
    };
  }

  [Symbol.dispose](): void {
    globalThis.Worker = this.#original;
  }
}
