/** There are as many services or groups as can be counted. */
export class AccountsFullError extends Error {
  override readonly name = "AccountsFullError";

  constructor(what: "services" | "upstream groups") {
    super(`No room is left to count for more ${what}: restart to make room`);
  }
}
