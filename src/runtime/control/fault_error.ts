/** Why faults cannot be added, changed or removed while the proxy runs. */

/**
 * A fault cannot be added, changed or removed.
 *
 * @example There is no such fault
 * ```ts
 * import assert from "node:assert/strict";
 * import { FaultError, startProxy } from "@sluice/sluice";
 *
 * await using proxy = await startProxy({ upstream: "127.0.0.1:5432" });
 * await assert.rejects(proxy.faults.remove("slow"), (error: FaultError) => error.code === "no_such_fault");
 * assert.ok(FaultError.prototype instanceof Error);
 * ```
 */
export class FaultError extends Error {
  /** `FaultError`. */
  override readonly name: string = "FaultError";
  /** The cause. */
  readonly code: "faults_disabled" | "no_such_service" | "no_such_fault" | "fault_exists" | "proxy_stopped";

  /** Made by the proxy. @param message For people. */
  constructor(code: FaultError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * The configuration does not permit faults.
 *
 * @example A proxy without faults
 * ```ts
 * import assert from "node:assert/strict";
 * import { FaultsDisabledError, startProxy } from "@sluice/sluice";
 *
 * await using proxy = await startProxy({
 *   faults: false,
 *   services: [{ name: "db", listen: 0, upstream: "127.0.0.1:5432" }],
 * });
 * await assert.rejects(proxy.down(), FaultsDisabledError);
 * ```
 */
export class FaultsDisabledError extends FaultError {
  /** `FaultsDisabledError`. */
  override readonly name = "FaultsDisabledError";

  /** Made by the proxy. @param service Its name. */
  constructor(service: string) {
    super(
      "faults_disabled",
      `Service "${service}" can have no faults: the configuration has none and does not say "faults: true"`,
    );
  }
}
