/**
 * The sources of endpoints. To add one, write its file, and add its keys to `discovery_schema.ts` and its line here.
 */

import type { DiscoveryConfig } from "../../config/config.ts";
import type { SourceName } from "../../config/schema/discovery_schema.ts";
import { consulSource } from "./consul/consul_source.ts";
import { dnsSource } from "./dns/dns_source.ts";
import { fileSource } from "./file_source.ts";
import { kubernetesSource } from "./kubernetes/kubernetes_source.ts";
import type { DiscoverySource, SourceContext } from "./source.ts";

const SOURCES: { readonly [Name in SourceName]: DiscoverySource<Name> } = {
  dns: dnsSource,
  file: fileSource,
  consul: consulSource,
  kubernetes: kubernetesSource,
};

/** The source that a configuration names, ready to run. */
export interface ChosenSource {
  readonly name: SourceName;
  readonly verb: DiscoverySource<SourceName>["verb"];
  /** In words, without secrets. */
  readonly description: string;
  run(context: Omit<SourceContext, "discovery">): Promise<void>;
}

export function sourceOf(discovery: DiscoveryConfig): ChosenSource {
  const name = (Object.keys(SOURCES) as SourceName[]).find((each) => discovery[each] !== undefined)!;
  return chosen(name, discovery);
}

function chosen<Name extends SourceName>(name: Name, discovery: DiscoveryConfig): ChosenSource {
  const source: DiscoverySource<Name> = SOURCES[name];
  const options = discovery[name]!;
  return {
    name,
    verb: source.verb,
    description: source.describe(options, discovery),
    run: (context) => source.run(options, { ...context, discovery }),
  };
}
