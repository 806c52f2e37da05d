/** Mutants that no test can notice, as nothing that can be seen is different, and why. */

export interface Equivalent {
  readonly file: string;
  /** The line of the source without the space around it: line numbers move. */
  readonly code: string;
  /** What is changed into what; left out, whatever is changed in this line. */
  readonly original?: string;
  readonly replacement?: string;
  readonly reason: string;
}

export const EQUIVALENT: readonly Equivalent[] = [];
