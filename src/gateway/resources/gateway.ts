/** Gateways and their listeners, as far as this controller reads them. */

import {
  type JsonObject,
  listOf,
  objectOf,
  textOf,
} from "../../upstream/discovery/kubernetes/endpoint_slice.ts";
import { GATEWAY_GROUP } from "../names.ts";
import { isHostname } from "../hostnames.ts";
import { type Meta, metaOf, portOf } from "./meta.ts";
import { readReference, type Reference } from "./reference.ts";

export interface Gateway {
  readonly meta: Meta;
  readonly object: JsonObject;
  readonly className: string;
  readonly listeners: readonly Listener[];
  /** Addresses that it asks for; without a value, any of the type. */
  readonly addresses: readonly { readonly type: string; readonly value: string | undefined }[];
  /** Whether it asks for settings that only other implementations know. */
  readonly hasParameters: boolean;
  /** Whether it asks clients for certificates. */
  readonly verifiesClients: boolean;
}

export interface Listener {
  readonly name: string;
  /** Undefined if it is no port. */
  readonly port: number | undefined;
  readonly protocol: string;
  /** A name or `*.` and a name, in lower case; undefined is any. */
  readonly hostname: string | undefined;
  /** Whether its host name is invalid. */
  readonly hasWrongHostname: boolean;
  readonly mode: string;
  readonly certificates: readonly Reference[];
  /** Empty for all kinds that the protocol supports. */
  readonly kinds: readonly RouteGroupKind[];
  readonly namespaces: AllowedNamespaces;
}

export interface RouteGroupKind {
  readonly group: string;
  readonly kind: string;
}

export interface AllowedNamespaces {
  /** Same, All or Selector. */
  readonly from: string;
  /** Undefined selects nothing. */
  readonly selector: JsonObject | undefined;
}

export function readGateway(object: JsonObject): Gateway {
  const meta = metaOf(object);
  const { gatewayClassName, listeners, addresses, infrastructure, tls } = objectOf(object.spec);
  return {
    meta,
    object,
    className: textOf(gatewayClassName) ?? "",
    listeners: listOf(listeners).map((each) => readListener(objectOf(each), meta.namespace)),
    addresses: listOf(addresses).map((each) => {
      const { type, value } = objectOf(each);
      return { type: textOf(type) ?? "IPAddress", value: textOf(value) };
    }),
    hasParameters: objectOf(infrastructure).parametersRef !== undefined,
    verifiesClients: objectOf(tls).frontend !== undefined,
  };
}

function readListener(listener: JsonObject, namespace: string): Listener {
  const tls = objectOf(listener.tls);
  const allowed = objectOf(listener.allowedRoutes);
  const { from, selector } = objectOf(allowed.namespaces);
  const hostname = textOf(listener.hostname)?.toLowerCase();
  return {
    name: textOf(listener.name) ?? "",
    port: portOf(listener.port),
    protocol: textOf(listener.protocol) ?? "",
    hostname,
    hasWrongHostname: hostname !== undefined && !isHostname(hostname),
    mode: textOf(tls.mode) ?? "Terminate",
    certificates: listOf(tls.certificateRefs).map((each) =>
      readReference(each, { group: "", kind: "Secret", namespace })
    ),
    kinds: listOf(allowed.kinds).map((each) =>
      readReference(each, { group: GATEWAY_GROUP, kind: "", namespace })
    ),
    namespaces: {
      from: textOf(from) ?? "Same",
      selector: typeof selector === "object" && selector !== null ? objectOf(selector) : undefined,
    },
  };
}
