/** The two ways to spell a key: `idle_timeout` in a file, `idleTimeout` in the library. */

/** How keys are spelled in a configuration and in the problems found in it. */
export type Spelling = "snake_case" | "camelCase";

/** Spells a key the file's way: `idleTimeout` becomes `idle_timeout`. */
export function toSnakeCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Spells a key the library's way: `idle_timeout` becomes `idleTimeout`. */
export function toCamelCase(key: string): string {
  return key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
