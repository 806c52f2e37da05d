/** Finds the mutants of a source file. */

import ts from "typescript";
import { type Change, type Operator, OPERATORS } from "./operators.ts";

export interface Mutant {
  readonly file: string;
  /** Its number in the file, from 1; constant while the file is. */
  readonly number: number;
  readonly line: number;
  /** The line, trimmed. */
  readonly code: string;
  readonly operator: string;
  readonly start: number;
  readonly end: number;
  readonly original: string;
  readonly replacement: string;
}

/** The mutants of a file, in the order of their places. Types and imports have none. */
export function mutantsOf(file: string, text: string): Mutant[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const lines = text.split("\n");
  const found: Omit<Mutant, "number">[] = [];
  const add = (node: ts.Node, { name }: Operator, { at = node, replacement }: Change) => {
    const start = at.getStart(source);
    const { line } = source.getLineAndCharacterOfPosition(start);
    const original = text.slice(start, at.end);
    if (original === replacement) return;
    found.push({
      file,
      line: line + 1,
      code: lines[line]!.trim(),
      operator: name,
      start,
      end: at.end,
      original,
      replacement,
    });
  };
  const visit = (node: ts.Node) => {
    if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isImportDeclaration(node)) return;
    for (const operator of OPERATORS) {
      for (const change of operator.changes(node, source)) add(node, operator, change);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found.sort((one, other) => one.start - other.start || one.end - other.end)
    .map((mutant, index) => ({ ...mutant, number: index + 1 }));
}

/** The file with the mistake in it. */
export function mutated(text: string, { start, end, replacement }: Mutant): string {
  return text.slice(0, start) + replacement + text.slice(end);
}

/** A mutant in a line: `src/relay/relay.ts:95 #12 negate condition: a < b -> !(a < b)`. */
export function mutantText({ file, line, number, operator, original, replacement }: Mutant): string {
  return `${file}:${line} #${number} ${operator}: ${brief(original)} -> ${brief(replacement)}`;
}

function brief(code: string): string {
  const line = code.replaceAll(/\s+/g, " ");
  return line.length > 60 ? `${line.slice(0, 57)}...` : line;
}
