/** The table of groups whose endpoints come from a source, for `sluice status` and `sluice top`. */

import type { DiscoveryView, UpstreamView } from "../../admin/views.ts";
import { formatAge } from "./figures.ts";
import type { Column } from "./table.ts";

export interface DiscoveryRow extends DiscoveryView {
  readonly group: string;
  /** Milliseconds since the last answer; undefined before the first one. */
  readonly age: number | undefined;
}

const GROUP: Column<DiscoveryRow> = { title: "UPSTREAM", cell: ({ group }) => group, reserve: 8, least: 6 };

const ANSWERS: readonly Column<DiscoveryRow>[] = [
  {
    title: "ANSWERED",
    cell: ({ age }) => age === undefined ? "never" : `${formatAge(age)} ago`,
    reserve: 10,
  },
  { title: "FAILURES", cell: ({ failures }) => failures, align: "right", leaveOut: 1 },
  { title: "ERROR", cell: ({ error }) => error, reserve: 24, least: 5 },
];

export const DISCOVERY: readonly Column<DiscoveryRow>[] = [
  GROUP,
  { title: "DISCOVERY", cell: ({ from }) => from },
  ...ANSWERS,
];

/** For the width of a terminal: the error matters more than where the source is. */
export const SHORT_DISCOVERY: readonly Column<DiscoveryRow>[] = [
  GROUP,
  { title: "DISCOVERY", cell: ({ source }) => source, reserve: 10 },
  ...ANSWERS,
];

/** @param now In milliseconds since 1970. */
export function discoveryRows(upstreams: readonly UpstreamView[], now: number): DiscoveryRow[] {
  return upstreams.flatMap(({ name: group, discovery }) => {
    if (discovery === null) return [];
    const { last_success } = discovery;
    return [{
      ...discovery,
      group,
      age: last_success === null ? undefined : now - Date.parse(last_success),
    }];
  });
}
