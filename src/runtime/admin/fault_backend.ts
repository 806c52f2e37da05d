/** Faults of the running proxy as the admin interface sees them. */

import { ApiError, type ApiErrorCode } from "../../admin/api_error.ts";
import type { FaultBackend } from "../../admin/backend.ts";
import type { FaultsView, FaultView } from "../../admin/views.ts";
import { ConfigError } from "../../config/config_error.ts";
import { areFaultsEnabled, changeFault, decodeFault, encodeFault } from "../../config/fault.ts";
import { faultTypes } from "../../config/fault_types.ts";
import { ListenError } from "../../net/socket/listen_error.ts";
import type { FaultController } from "../control/fault_controller.ts";
import { FaultError } from "../control/fault_error.ts";
import type { FaultState } from "../control/fault_list.ts";
import type { Supervisor } from "../control/supervisor.ts";

/** Keys in problems are spelled as in a file. */
const SPELLING = { spelling: "snake_case" } as const;

export class ProxyFaultBackend implements FaultBackend {
  readonly #faults: FaultController;
  readonly #supervisor: Supervisor;

  constructor(faults: FaultController, supervisor: Supervisor) {
    this.#faults = faults;
    this.#supervisor = supervisor;
  }

  overview(): FaultsView {
    const { config, parts: { memory } } = this.#supervisor;
    return { enabled: areFaultsEnabled(config), seed: memory.seed, ...faultTypes() };
  }

  list(service: string): FaultView[] {
    try {
      return this.#faults.list(service).map(faultView);
    } catch (error) {
      throw explained(error);
    }
  }

  async add(service: string, fault: unknown): Promise<FaultView> {
    try {
      const taken = this.#faults.list(service).map(({ config }) => config.name);
      const given = (fault as { readonly name?: unknown } | null)?.name;
      // The controller says that a given name is taken.
      const config = decodeFault(fault, { ...SPELLING, taken: given === undefined ? taken : [] });
      await this.#faults.add(service, config);
      return this.#view(service, config.name);
    } catch (error) {
      throw explained(error);
    }
  }

  async change(service: string, name: string, changes: unknown): Promise<FaultView> {
    try {
      const config = changeFault(this.#find(service, name).config, changes, SPELLING);
      await this.#faults.update(service, name, config);
      return this.#view(service, name);
    } catch (error) {
      throw explained(error);
    }
  }

  async remove(service: string, name: string): Promise<void> {
    try {
      await this.#faults.remove(service, name);
    } catch (error) {
      throw explained(error);
    }
  }

  #view(service: string, name: string): FaultView {
    return faultView(this.#find(service, name));
  }

  /** @throws {FaultError} also when a reload has removed it meanwhile. */
  #find(service: string, name: string): FaultState {
    const found = this.#faults.list(service).find(({ config }) => config.name === name);
    if (found !== undefined) return found;
    throw new FaultError("no_such_fault", `Service "${service}" has no fault "${name}"`);
  }
}

export function faultView({ config, isConfigured, applied }: FaultState): FaultView {
  const { type, name, isEnabled } = config;
  return { ...encodeFault(config), type, name, enabled: isEnabled, configured: isConfigured, applied };
}

function explained(error: unknown): unknown {
  if (error instanceof FaultError) return new ApiError(codeOf(error), error.message);
  if (error instanceof ConfigError) return badFault(error);
  if (error instanceof ListenError) return new ApiError("cannot_listen", error.message);
  return error;
}

function badFault({ summary, problems }: ConfigError): ApiError {
  return new ApiError("bad_fault", summary, {
    problems: problems.map(({ path, message }) => ({ path, message })),
  });
}

const CODES: readonly ApiErrorCode[] = [
  "faults_disabled",
  "no_such_service",
  "no_such_fault",
  "fault_exists",
];

/** Any other error is that the proxy has stopped. */
function codeOf({ code }: FaultError): ApiErrorCode {
  return CODES.find((each) => each === code) ?? "closing";
}
