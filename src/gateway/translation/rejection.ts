/** Why a Gateway as a whole is not accepted. */

import { type Condition, isFalse } from "../conditions.ts";
import type { Gateway } from "../resources/gateway.ts";
import { type JsonObject, objectOf } from "../../upstream/discovery/kubernetes/endpoint_slice.ts";

/** The same condition as a GatewayClass has that is not accepted; undefined if it is. */
export function classRejection(gatewayClass: JsonObject): Condition | undefined {
  return objectOf(gatewayClass.spec).parametersRef === undefined
    ? undefined
    : invalidParameters("sluice has no parameters for GatewayClasses: remove parametersRef");
}

/** Undefined for a Gateway that asks for nothing unknown. */
export function gatewayRejection({ hasParameters, addresses }: Gateway): Condition | undefined {
  if (hasParameters) return invalidParameters("sluice has no parameters for Gateways: remove parametersRef");
  const unsupported = addresses.find(({ type }) => type !== "IPAddress" && type !== "Hostname");
  return unsupported === undefined
    ? undefined
    : isFalse("Accepted", "UnsupportedAddress", `sluice has no addresses of the type ${unsupported.type}`);
}

function invalidParameters(message: string): Condition {
  return isFalse("Accepted", "InvalidParameters", message);
}
