/** Faults of a proxy that is made up. */

import { ApiError } from "../../../src/admin/api_error.ts";
import type { FaultBackend } from "../../../src/admin/backend.ts";
import type { FaultsView, FaultView } from "../../../src/admin/views.ts";

/** One service with faults; changes are applied as they are given. */
export class FakeFaults implements FaultBackend {
  /** The commands it got, in order. */
  readonly calls: string[] = [];
  views: FaultView[];
  isEnabled = false;
  readonly service: string;

  constructor(service: string, views: readonly FaultView[] = []) {
    this.service = service;
    this.views = [...views];
  }

  overview(): FaultsView {
    return { enabled: this.isEnabled, seed: "42", types: [], triggers: [] };
  }

  list(service: string): FaultView[] {
    if (service === this.service) return this.views;
    throw new ApiError("no_such_service", `There is no service "${service}"`);
  }

  add(service: string, fault: unknown): Promise<FaultView> {
    this.calls.push(`add ${service} ${JSON.stringify(fault)}`);
    const added = aFault(fault as Partial<FaultView>);
    this.views.push(added);
    return Promise.resolve(added);
  }

  change(service: string, name: string, changes: unknown): Promise<FaultView> {
    this.calls.push(`change ${service} ${name} ${JSON.stringify(changes)}`);
    const changed = aFault({ ...this.#find(name), ...changes as object });
    this.views = this.views.map((view) => view.name === name ? changed : view);
    return Promise.resolve(changed);
  }

  remove(service: string, name: string): Promise<void> {
    this.calls.push(`remove ${service} ${name}`);
    const found = this.#find(name);
    this.views = this.views.filter((view) => view !== found);
    return Promise.resolve();
  }

  #find(name: string): FaultView {
    const found = this.views.find((view) => view.name === name);
    if (found !== undefined) return found;
    throw new ApiError("no_such_fault", `Service "${this.service}" has no fault "${name}"`);
  }
}

export function aFault(changes: Partial<FaultView> = {}): FaultView {
  return {
    type: "latency",
    name: "latency_download",
    enabled: true,
    configured: false,
    applied: 0,
    ...changes,
  };
}
