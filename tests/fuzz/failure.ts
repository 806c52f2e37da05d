/** A failed sequence and its report. */

import { type Command, commandText } from "./sequence/commands.ts";
import { rowText, type ServiceRow } from "./services.ts";

export interface Failure {
  readonly number: number;
  readonly row: ServiceRow;
  readonly workers: number;
  /** The shortest sequence that fails. */
  commands: readonly Command[];
  fault: string;
  /** It also fails alone, with nothing running beside it. */
  isAlone: boolean;
  /** The number of retries. */
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
