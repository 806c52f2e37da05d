/** Describes a file error and its remedy in words of this program: messages of the system name its calls. */

import { UnusableFileError } from "./answer_within.ts";
import { type Fault, permissionFault } from "./permission_fault.ts";

/** Why a file cannot be read. */
export function readFault(cause: unknown): Fault {
  if (cause instanceof Deno.errors.NotFound || cause instanceof Deno.errors.NotADirectory) {
    return { fault: "no such file", remedy: "check the path" };
  }
  if (cause instanceof Deno.errors.IsADirectory) {
    return { fault: "it is a directory", remedy: "name a file in it" };
  }
  if (cause instanceof Deno.errors.PermissionDenied) {
    return { fault: "permission denied", remedy: "let the user that runs sluice read it" };
  }
  return permissionFault(cause) ?? otherFault(cause);
}

/** Why a file or folder cannot be written, created, replaced or removed. @param path As the configuration names it. */
export function writeFault(cause: unknown, path: string): Fault {
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
  return permissionFault(cause, path) ?? otherFault(cause);
}

function otherFault(cause: unknown): Fault {
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
