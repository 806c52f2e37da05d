/** Waits for a condition, not for a time: the ends of connections notify of changes. */

export class Changes {
  #next = Promise.withResolvers<void>();

  /** Notifies that something has changed. */
  notify(): void {
    this.#next.resolve();
    this.#next = Promise.withResolvers();
  }

  /** True as soon as `isSo`; false when that takes longer than this many milliseconds. */
  async until(isSo: () => boolean, milliseconds: number): Promise<boolean> {
    const late = Promise.withResolvers<"late">();
    const timer = setTimeout(() => late.resolve("late"), milliseconds);
    try {
      while (!isSo()) {
        if (await Promise.race([this.#next.promise, late.promise]) === "late") return isSo();
      }
      return true;
    } finally {
      clearTimeout(timer);
    }
  }
}
