/** The choice of an endpoint in a group whose new clients all go to one (`stick: endpoint`), in one thread. */

import type { StuckEndpoint } from "../../shared/stuck_endpoint.ts";
import type { ProxyError } from "../../net/errors.ts";
import type { GroupOwner } from "../group_parts.ts";
import type { Endpoint } from "../endpoint.ts";

export class StuckChoice {
  readonly #cell: StuckEndpoint;
  readonly #group: string;
  readonly #owner: GroupOwner;

  constructor(cell: StuckEndpoint, group: string, owner: GroupOwner) {
    this.#cell = cell;
    this.#group = group;
    this.#owner = owner;
  }

  /** False before the first choice, and while the message about a new endpoint is on its way. */
  isKnown(endpoints: readonly Endpoint[]): boolean {
    const { id } = this.#cell;
    return id === "none" || endpoints.some((endpoint) => endpoint.id === id);
  }

  isAt({ id }: Endpoint): boolean {
    return this.#cell.id === id;
  }

  /** The endpoint; `unknown` while {@linkcode isKnown} is false. */
  find(endpoints: readonly Endpoint[]): Endpoint | "taken_out" | "unknown" {
    const { id } = this.#cell;
    return id === "none" ? "taken_out" : endpoints.find((endpoint) => endpoint.id === id) ?? "unknown";
  }

  /**
   * A client could not connect to `endpoint`, and to those in `tried` before. All new clients may have to go elsewhere
   * then: resolves when that is decided. Undefined if the failure says nothing about the endpoint; that of TLS may be
   * the fault of one service.
   */
  failed(endpoint: Endpoint, tried: readonly Endpoint[], failure: ProxyError): Promise<void> | undefined {
    const { side, code, retryable, reason } = failure;
    if (side !== "upstream" || !retryable || code.startsWith("tls_")) return undefined;
    return this.#owner.stickFailed(this.#group, endpoint.id, tried.map(({ id }) => id), reason);
  }
}
