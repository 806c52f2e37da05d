/** The program cannot run, for a reason other than its configuration. */
export class RunError extends Error {
  override readonly name = "RunError";
}
