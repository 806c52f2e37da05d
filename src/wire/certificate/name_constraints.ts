/** Which names an authority may issue certificates for (RFC 5280 section 4.2.1.10). */

import { MalformedError } from "../byte_reader.ts";
import { NAME_KIND } from "./alternative_names.ts";
import { DER, DerReader, type DerValue, sameBytes, wholeSequence } from "./der.ts";

const PERMITTED = 0xa0;
const EXCLUDED = 0xa1;

export interface NameConstraints {
  readonly permitted: readonly DerValue[];
  readonly excluded: readonly DerValue[];
}

/** @throws {MalformedError} */
export function readNameConstraints(content: Uint8Array): NameConstraints {
  const constraints = wholeSequence(content);
  const permitted = readSubtrees(constraints.optional(PERMITTED));
  const excluded = readSubtrees(constraints.optional(EXCLUDED));
  constraints.finish();
  return { permitted, excluded };
}

/** Minimum and maximum must be absent (RFC 5280 allows only the defaults). */
function readSubtrees(field: DerValue | undefined): DerValue[] {
  if (field === undefined) return [];
  return new DerReader(field.content).all((subtrees) => {
    const subtree = subtrees.inside(DER.sequence);
    const name = subtree.any();
    subtree.finish();
    return name;
  });
}

/**
 * Whether an authority with these constraints may issue for all these names. Names of a constrained kind that
 * cannot be compared here (email, URI, other) are not allowed.
 *
 * @param names Subject alternative names, and the subject as a directory name.
 */
export function allows({ permitted, excluded }: NameConstraints, names: readonly DerValue[]): boolean {
  return names.every((name) => {
    const sameKind = (constraint: DerValue) => constraint.tag === name.tag;
    const wanted = permitted.filter(sameKind);
    return (wanted.length === 0 || wanted.some((constraint) => isWithin(name, constraint) === true)) &&
      excluded.filter(sameKind).every((constraint) =>
        isWithin(name, constraint) === false && !standsFor(name, constraint)
      );
  });
}

/** Undefined if that cannot be determined. */
function isWithin(name: DerValue, constraint: DerValue): boolean | undefined {
  if (name.tag === NAME_KIND.dns) return isDnsWithin(text(name.content), text(constraint.content));
  if (name.tag === NAME_KIND.ip) return isAddressWithin(name.content, constraint.content);
  if (name.tag === NAME_KIND.directory) return isDirectoryWithin(name.content, constraint.content);
  return undefined;
}

/** Whether the wildcard in a name covers a name under the constraint. */
function standsFor(name: DerValue, constraint: DerValue): boolean {
  if (name.tag !== NAME_KIND.dns) return false;
  const [wildcard, wanted] = [text(name.content), text(constraint.content)];
  return wildcard.startsWith("*.") && isDnsWithin(wanted, wildcard.slice("*.".length));
}

/** `a.example.com` is within both `example.com` and `.example.com`; `example.com` is not within `.example.com`. */
function isDnsWithin(name: string, constraint: string): boolean {
  if (constraint === "") return true;
  if (constraint.startsWith(".")) return name.endsWith(constraint);
  return name === constraint || name.endsWith(`.${constraint}`);
}

/** A constraint is an address and its mask. */
function isAddressWithin(address: Uint8Array, constraint: Uint8Array): boolean {
  const size = address.length;
  if (constraint.length !== 8 && constraint.length !== 32) {
    throw new MalformedError("a constraint has no mask");
  }
  if (constraint.length !== 2 * size) return false;
  return address.every((byte, index) => ((byte ^ constraint[index]!) & constraint[size + index]!) === 0);
}

/** The constraint is a prefix of the name. */
function isDirectoryWithin(name: Uint8Array, constraint: Uint8Array): boolean {
  const [parts, wanted] = [partsOf(name), partsOf(constraint)];
  return wanted.length <= parts.length && wanted.every((part, index) => sameBytes(part, parts[index]!));
}

function partsOf(name: Uint8Array): Uint8Array[] {
  return wholeSequence(name).all((parts) => parts.read(DER.set).raw);
}

function text(content: Uint8Array): string {
  return new TextDecoder("latin1").decode(content).toLowerCase();
}
