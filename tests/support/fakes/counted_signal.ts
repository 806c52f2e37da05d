/** A signal that counts its listeners. */

export interface CountedSignal {
  readonly signal: AbortSignal;
  readonly listeners: number;
}

export function countedSignal(): CountedSignal {
  const { signal } = new AbortController();
  const { addEventListener, removeEventListener } = signal;
  let listeners = 0;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listeners += 1;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listeners -= 1;
    removeEventListener.apply(signal, args);
  };
  return {
    signal,
    get listeners() {
      return listeners;
    },
  };
}
