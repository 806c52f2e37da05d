/** Describes a file error and its remedy in words of this program: messages of the system name its calls. */

import { UnusableFileError } from "./answer_within.ts";

/** Why a file cannot be used, as a clause after a colon, and the remedy if one is known. */
export interface FileFault {
  readonly fault: string;
  readonly remedy: string | undefined;
}

/** Both in one clause: `no such file (check the path)`. */
export function withRemedy({ fault, remedy }: FileFault): string {
  return remedy === undefined ? fault : `${fault} (${remedy})`;
}

/** Why a file cannot be read. */
export function readFault(cause: unknown): FileFault {
  if (cause instanceof Deno.errors.NotFound || cause instanceof Deno.errors.NotADirectory) {
    return { fault: "no such file", remedy: "check the path" };
  }
  if (cause instanceof Deno.errors.IsADirectory) {
    return { fault: "it is a directory", remedy: "name a file in it" };
  }
  if (cause instanceof Deno.errors.PermissionDenied) {
    return { fault: "permission denied", remedy: "let the user that runs sluice read it" };
  }
  if (cause instanceof Deno.errors.NotCapable) {
    return { fault: "not allowed by Deno", remedy: "add it to --allow-read" };
  }
  return otherFault(cause);
}

/** Why a file cannot be written, created, replaced or removed. */
export function writeFault(cause: unknown, path: string): FileFault {
  if (cause instanceof Deno.errors.NotFound) {
    return { fault: "its folder does not exist", remedy: "create the folder" };
  }
  if (cause instanceof Deno.errors.NotADirectory) {
    return { fault: "its path has a file in place of a folder", remedy: "check the path" };
  }
  if (cause instanceof Deno.errors.IsADirectory) {
    return { fault: "it is a folder", remedy: "name a file in it" };
  }
  if (cause instanceof Deno.errors.PermissionDenied) {
    return { fault: "permission denied", remedy: "let the user that runs sluice write it" };
  }
  if (cause instanceof Deno.errors.NotCapable) {
    // Even if all other permissions are granted: https://docs.deno.com/runtime/fundamentals/security/
    return /^(\/dev|\/proc|\/sys)\//.test(path)
      ? { fault: "Deno opens no such files without --allow-all", remedy: "name one elsewhere" }
      : { fault: "not allowed", remedy: `run with --allow-write=${path}` };
  }
  return otherFault(cause);
}

function otherFault(cause: unknown): FileFault {
  if (cause instanceof UnusableFileError) return { fault: cause.message, remedy: undefined };
  const code = (cause as { code?: unknown } | undefined)?.code;
  if (code === "EMFILE" || code === "ENFILE") {
    return { fault: "too many open files", remedy: "raise ulimit -n" };
  }
  return { fault: systemMessage(cause), remedy: undefined };
}

/** `Read-only file system (os error 30): remove '/x'`, without the number and the system call. */
export function systemMessage(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  const plain = message.replace(/ \(os error \d+\).*$/s, "");
  return plain.charAt(0).toLowerCase() + plain.slice(1);
}
