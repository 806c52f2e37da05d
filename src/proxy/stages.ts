/** The stages of a service's connections, in the order in which bytes pass them. */

import type { ServiceConfig } from "../config/config.ts";
import type { FilterFactory } from "../config/filter.ts";
import { addFilter } from "../relay/filter.ts";
import type { ConnectionRecord } from "../observe/counters/ledger.ts";
import type { Relay } from "../relay/relay.ts";
import { throttle } from "../relay/throttle.ts";
import type { ClientAddress } from "../upstream/balance/endpoint_choice.ts";
import type { Mirror } from "./mirror.ts";

/** Adds the stages of a connection to its relay before it runs. */
export type AddStages = (relay: Relay, record: ConnectionRecord, client: ClientAddress) => void;

/** The stages of a service; undefined without any, as for most services. */
export function stagesOf(
  { limits }: ServiceConfig,
  filters: readonly FilterFactory[],
  mirror: Mirror | undefined,
): AddStages | undefined {
  const { upload, download } = limits;
  if (upload === 0 && download === 0 && filters.length === 0 && mirror === undefined) return undefined;
  return (relay, record, client) => {
    mirror?.addTo(relay, record, client);
    if (upload > 0) relay.addStage("upload", throttle(upload));
    if (download > 0) relay.addStage("download", throttle(download));
    for (const filter of filters) addFilter(relay, filter);
  };
}
