/** The sluice before cannot be asked or refuses, or this one does not become ready. Nothing has changed for the other. */
export class TakeOverError extends Error {
  override readonly name = "TakeOverError";
}
