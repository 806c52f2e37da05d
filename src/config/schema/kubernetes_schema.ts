/** The shape of `discovery: { kubernetes: … }`. */

import type * as z from "zod";
import { filePath, type PathResolver } from "../values/file_path.ts";
import { scalar, textOf, Unexpected } from "../values/scalar.ts";
import { httpUrl } from "./address_fields.ts";
import { matching } from "./fields.ts";
import { section } from "./section.ts";

/** A label of a name (RFC 1123 section 2.1), as Kubernetes uses it for names. */
const LABEL = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?";
/** The value of a label in Kubernetes; empty is none. */
const LABEL_VALUE = "^([A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?)?$";
const LARGEST_PORT = 65_535;

const IN_LOWER_CASE = { propose: (text: string) => text.toLowerCase() };

export const kubernetes = section('a mapping such as "service: db"', {
  service: matching(`^${LABEL}$`, 'the name of a Service such as "db"', IN_LOWER_CASE).describe(
    "The name of the Service.",
  ),
  namespace: matching(`^${LABEL}$`, 'a namespace such as "default"', IN_LOWER_CASE).optional().describe(
    "The namespace of the Service. Left out, that of the pod.",
  ),
  port: portOrName().optional().describe(
    "The name of a port in the Service, or its number in the pods. Left out, the only TCP port.",
  ),
  zone: matching(LABEL_VALUE, 'a zone such as "eu-west-1a"', IN_LOWER_CASE).optional().describe(
    "The zone of this proxy, whose endpoints are tier 0; others are tier 1. Left out or empty, all are tier 0.",
  ),
  server: httpUrl('an address such as "https://10.0.0.1:6443"', {
    assumed: "https",
    credentials: "use token_file",
    hasPath: true,
  }).optional().describe(
    "The API server, https, or http without a token (kubectl proxy). Left out, that of the pod's cluster.",
  ),
  token_file: filePath("token").optional().describe(
    "A file with a token for the API server, read before each request. Left out, that of the pod's service account.",
  ),
  ca: filePath("ca.crt").optional().describe(
    "A PEM file with authorities to trust besides those that Deno trusts. Left out, that of the pod's service account.",
  ),
});

/** The Service whose endpoints are followed, and how the API server is asked. */
export type KubernetesEntry = z.output<typeof kubernetes>;

/** Makes paths absolute. */
export function completeKubernetes(entry: KubernetesEntry, pathOf: PathResolver): KubernetesEntry {
  const { tokenFile, ca } = entry;
  return { ...entry, tokenFile: tokenFile && pathOf(tokenFile), ca: ca && pathOf(ca) };
}

function portOrName() {
  return scalar<string | number, string | number>({
    expected: 'the name of a port such as "postgres", or a number from 1 to 65535',
    parse: (value) => {
      const text = typeof value === "number" ? String(value) : textOf(value);
      const number = /^\d+$/.test(text) ? Number(text) : undefined;
      if (number === undefined && new RegExp(`^${LABEL}$`).test(text)) return text;
      if (number === undefined || number < 1 || number > LARGEST_PORT) throw new Unexpected();
      return number;
    },
    json: [{ type: "integer", minimum: 1, maximum: LARGEST_PORT }, { type: "string", pattern: `^${LABEL}$` }],
  });
}
