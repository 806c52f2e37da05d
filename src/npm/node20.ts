/** What Node.js 20 lacks of the language, and later versions have. */

Promise.withResolvers ??= function <Value>(this: PromiseConstructor): PromiseWithResolvers<Value> {
  let resolve!: PromiseWithResolvers<Value>["resolve"];
  let reject!: PromiseWithResolvers<Value>["reject"];
  const promise = new Promise<Value>((onResolve, onReject) => [resolve, reject] = [onResolve, onReject]);
  return { promise, resolve, reject };
};
