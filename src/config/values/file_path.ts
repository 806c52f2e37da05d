/** Files that a configuration names. */

import { dirname, resolve } from "node:path";
import { scalar, Unexpected } from "./scalar.ts";

/** Makes the path of a file in a configuration absolute. */
export type PathResolver = (path: string) => string;

/** Paths are relative to the folder of the configuration's own file; without one, to the working directory. */
export function pathResolver(configFile: string | undefined): PathResolver {
  return (path) => configFile === undefined ? resolve(path) : resolve(dirname(configFile), path);
}

/** The path of a file, as it is written. */
export function filePath(example: string) {
  return scalar<string, string>({
    expected: `the path of a file such as "${example}"`,
    parse: (value) => {
      if (typeof value !== "string" || value === "" || value.includes("\0")) throw new Unexpected();
      // It may be a private key, which no message repeats.
      if (!/-----BEGIN|[\r\n]/.test(value)) return value;
      throw new SyntaxError(
        `Expected the path of a file such as "${example}", got what should be in it: write it to a file`,
      );
    },
    json: [{ type: "string", minLength: 1 }],
  });
}
