/** Reads a file of endpoints, in the format of Prometheus' file_sd: JSON or YAML, lists of targets with labels. */

import { ConfigError } from "../../config/config_error.ts";
import { hintFor } from "../../config/input/closest.ts";
import { inTurns } from "../../config/input/steps.ts";
import { count, flag } from "../../config/schema/fields.ts";
import { formatAddress, parseUpstreamAddress } from "../../net/address.ts";
import type { DiscoveredEndpoint } from "../../upstream/discovery/source.ts";
import { decodeText, ListFileError, readListFile } from "./list_file.ts";

/** How many problems are named. */
const MAX_NAMED = 10;
/** How much of a value a message repeats, in characters. */
const MAX_REPEATED = 100;

/** The labels that apply to the targets beside them. Prometheus' own and all others are ignored. */
const LABELS = {
  sluice_weight: count(1, 1000),
  sluice_tier: count(0, 9),
  sluice_max_connections: count(0, 1_000_000),
  sluice_drain: flag(),
};

type Label = keyof typeof LABELS;
type Path = readonly (string | number)[];
type Report = (path: Path, message: string) => void;

/**
 * Reads the endpoints in a file, in its order.
 *
 * @throws {ListFileError} with every problem and its line, up to a number.
 */
export async function readEndpointFile(path: string): Promise<readonly DiscoveredEndpoint[]> {
  const text = decodeText(path, await readListFile(path));
  const document = await parse(path, text);
  const problems: { readonly path: Path; readonly message: string }[] = [];
  const endpoints = endpointsIn(document, (where, message) => problems.push({ path: where, message }));
  if (problems.length === 0) return endpoints;
  const { positionsOf } = await import("../../config/input/positions.ts"); // its library takes 20 ms
  const positions = await inTurns(positionsOf(text));
  const named = problems.slice(0, MAX_NAMED).map(({ path: where, message }) =>
    `${path}:${positions.find(where)?.line ?? 1}: ${message}`
  );
  const more = problems.length - named.length;
  throw new ListFileError(more > 0 ? [...named, `${path}: and ${more} more`] : named);
}

async function parse(path: string, text: string): Promise<unknown> {
  try {
    return JSON.parse(text);
  } catch {
    // YAML, or JSON with a mistake: YAML's parser knows the line of it.
  }
  try {
    const { parseYaml } = await import("../../config/input/yaml.ts");
    return parseYaml(text, path);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ListFileError(
      error.problems.map(({ message, position }) => `${path}:${position?.line ?? 1}: ${message}`),
    );
  }
}

const GROUPS = 'a list of mappings with targets, such as [{ "targets": ["10.0.0.1:5432"] }]';

/** What is wrong is reported, and missing in the result. */
function endpointsIn(document: unknown, report: Report): DiscoveredEndpoint[] {
  const found = new Map<string, DiscoveredEndpoint>();
  if (!Array.isArray(document)) report([], `Expected ${GROUPS}, got ${shown(document)}`);
  for (const [index, group] of (Array.isArray(document) ? document : []).entries()) {
    const { targets, labels = {} } = isMapping(group) ? group : {};
    if (!Array.isArray(targets)) {
      report([index], `Expected a mapping with targets, got ${shown(group)}`);
      continue;
    }
    const settings = settingsIn(labels, report, [index, "labels"]);
    for (const [position, target] of targets.entries()) {
      const place = [index, "targets", position];
      const address = addressOf(target, (message) => report(place, message));
      if (address === undefined) continue;
      const key = formatAddress(address);
      if (found.has(key)) report(place, `Cannot use the target ${shown(target)} twice`);
      found.set(key, { address, ...settings });
    }
  }
  return [...found.values()];
}

function addressOf(target: unknown, report: (message: string) => void) {
  if (typeof target !== "string") {
    report(`Expected a target such as "10.0.0.1:5432", got ${shown(target)}`);
    return undefined;
  }
  try {
    return parseUpstreamAddress(target);
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof RangeError)) throw error;
    report(error.message);
    return undefined;
  }
}

function settingsIn(labels: unknown, report: Report, path: Path): Omit<DiscoveredEndpoint, "address"> {
  const values: Partial<Record<Label, unknown>> = {};
  if (!isMapping(labels)) report(path, `Expected a mapping of labels, got ${shown(labels)}`);
  for (const [label, value] of Object.entries(isMapping(labels) ? labels : {})) {
    if (!label.startsWith("sluice_")) continue;
    if (!Object.hasOwn(LABELS, label)) {
      report([...path, label], `Unknown label "${label}": ${hintFor(label, Object.keys(LABELS))}`);
      continue;
    }
    const { data, error } = LABELS[label as Label].safeParse(value, { jitless: true });
    if (error === undefined) values[label as Label] = data;
    else report([...path, label], `Expected ${error.issues[0]!.message}, got ${shown(value)}`);
  }
  return {
    weight: (values.sluice_weight ?? 1) as number,
    tier: (values.sluice_tier ?? 0) as number,
    ...values.sluice_max_connections === undefined
      ? {}
      : { maxConnections: values.sluice_max_connections as number },
    ...values.sluice_drain === true ? { drain: true } : {},
  };
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  const text = JSON.stringify(value);
  return text.length > MAX_REPEATED ? `${text.slice(0, MAX_REPEATED)}…` : text;
}
