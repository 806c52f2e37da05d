/** Paths to values in a document, as keys and as text. */

/** Formats the path of a value: `services[2].listen[0]`. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    if (!/^[\w-]+$/.test(String(key))) return `${text}[${JSON.stringify(String(key))}]`;
    return text === "" ? String(key) : `${text}.${String(key)}`;
  }, "");
}

/** Parses a path formatted by {@linkcode formatPath}. */
export function parsePath(text: string): (string | number)[] {
  const keys = text.matchAll(/\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|([\w-]+)/g);
  return [...keys].map(([, index, quoted, plain]): string | number => {
    if (index !== undefined) return Number(index);
    return quoted === undefined ? plain! : JSON.parse(quoted);
  });
}

/** Whether the value at a path is secret wherever it comes from, so that no message may repeat it. */
export function isSecretPath(path: readonly PropertyKey[]): boolean {
  return /^(token|hmac_?key)$/i.test(String(path.at(-1)));
}
