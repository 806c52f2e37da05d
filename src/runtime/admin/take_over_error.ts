/** The sluice before cannot be asked, or refuses. Nothing has changed for it. */
export class TakeOverError extends Error {
  override readonly name = "TakeOverError";
}
