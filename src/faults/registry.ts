/** The only list of the kinds of faults. Everything that offers faults takes them from here, in this order. */

import type { FaultKind } from "./fault.ts";
import { bandwidth } from "./kinds/bandwidth.ts";
import { blackhole } from "./kinds/blackhole.ts";
import { corrupt } from "./kinds/corrupt.ts";
import { delayAccept } from "./kinds/delay_accept.ts";
import { delayConnect } from "./kinds/delay_connect.ts";
import { down } from "./kinds/down.ts";
import { drip } from "./kinds/drip.ts";
import { freeze } from "./kinds/freeze.ts";
import { halfOpen } from "./kinds/half_open.ts";
import { latency } from "./kinds/latency.ts";
import { limitData } from "./kinds/limit_data.ts";
import { noop } from "./kinds/noop.ts";
import { packetLoss } from "./kinds/packet_loss.ts";
import { refuse } from "./kinds/refuse.ts";
import { replace } from "./kinds/replace.ts";
import { resetPeer } from "./kinds/reset_peer.ts";
import { slicer } from "./kinds/slicer.ts";
import { slowClose } from "./kinds/slow_close.ts";
import { stall } from "./kinds/stall.ts";
import { timeout } from "./kinds/timeout.ts";
import { truncate } from "./kinds/truncate.ts";

const KINDS = {
  latency,
  bandwidth,
  slow_close: slowClose,
  timeout,
  reset_peer: resetPeer,
  slicer,
  limit_data: limitData,
  packet_loss: packetLoss,
  down,
  refuse,
  delay_accept: delayAccept,
  delay_connect: delayConnect,
  blackhole,
  half_open: halfOpen,
  truncate,
  drip,
  stall,
  freeze,
  corrupt,
  replace,
  noop,
} as const;

export type FaultType = keyof typeof KINDS;

export const FAULT_TYPES = Object.keys(KINDS) as FaultType[];

export function kindOf(type: FaultType): FaultKind {
  return KINDS[type];
}
