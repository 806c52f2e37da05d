/** A sequence that has failed, and how it is reported. */

import { type Command, commandText } from "./sequence/commands.ts";
import { rowText, type ServiceRow } from "./services.ts";

export interface Failure {
  readonly number: number;
  readonly row: ServiceRow;
  readonly workers: number;
  /** The shortest that fails. */
  commands: readonly Command[];
  fault: string;
  /** It fails by itself as well, with nothing beside it. */
  isAlone: boolean;
  /** How often it was tried again. */
  tries: number;
}

export function failureText(
  { number, row, workers, commands, fault, isAlone, tries }: Failure,
  seed: number,
): string {
  const steps = commands.map((command) => `    ${commandText(command)}\n`).join("");
  const alone = isAlone
    ? `shortest of ${tries} tries`
    : `not seen again in ${tries} tries by itself, so this is all of it`;
  return `- ${fault}
  deno task fuzz --seed ${seed} --only ${number}
  workers=${workers} ${rowText(row)}
  ${alone}:
${steps}`;
}
