/** Finds settings of a group that have no effect on how its endpoints share connections. */

import { parseDuration } from "../values/duration.ts";
import type { Place } from "./place.ts";

/** Reports what is useless in one group. */
export function findSharingConflicts(group: Place): void {
  findUselessFailback(group);
  findNothingToShare(group);
  if (group.at("stick").is("endpoint")) findUselessWithStick(group);
  findLateQuiet(group.at("rebalance"));
}

function findUselessFailback(group: Place): void {
  const onRecover = group.at("on_recover");
  const { report } = group;
  const action = onRecover.keys === undefined ? onRecover : onRecover.at("action");
  if (action.is("keep") && onRecover.at("spread").isSet) {
    onRecover.at("spread").add(`Cannot use "${report.spell("spread")}" with action keep: it closes nothing`);
  }
  if (!action.is("close") || group.at("discovery").isSet) return;
  if (new Set(group.at("endpoints").items.map(tierAt)).size > 1) return;
  onRecover.add("Cannot close anything: all endpoints are in the same tier");
}

/** The tier of an endpoint as it is written. */
function tierAt(endpoint: Place): string {
  return String(endpoint.at("tier").value ?? (endpoint.at("backup").is(true) ? 1 : 0));
}

/** Some keys are about how several endpoints share connections. */
function findNothingToShare(group: Place): void {
  const { report } = group;
  const isLone = group.at("endpoints").items.length === 1 && !group.at("discovery").isSet;
  const hashes = group.at("balance").is("source_hash");
  for (const key of ["slow_start", "rebalance", "stick"]) {
    const place = group.at(key);
    if (!place.isSet || place.isZero || place.is("none")) continue;
    const named = report.spell(key);
    if (isLone) place.add(`Cannot use "${named}" with a single endpoint: it has nothing to share`);
    if (key === "rebalance" && hashes) {
      place.add(
        `Cannot use "${named}" with ${
          report.spell("balance")
        } source_hash: clients come back to their endpoint`,
      );
    }
  }
}

/** In milliseconds. */
const DEFAULT_EVERY = 60_000;
const DEFAULT_QUIET = 2000;

function findLateQuiet(rebalance: Place): void {
  const [every, quiet] = [rebalance.at("every"), rebalance.at("quiet")];
  const interval = every.isSet ? every.find(parseDuration)?.value : DEFAULT_EVERY;
  const silence = quiet.isSet ? quiet.find(parseDuration)?.value : DEFAULT_QUIET;
  if (interval === undefined || silence === undefined || silence < interval) return;
  const { report } = rebalance;
  (quiet.isSet ? quiet : every).add(
    `Expected "${report.spell("quiet")}" to be shorter than "${report.spell("every")}"`,
  );
}

/** All new connections go to one endpoint: nothing is balanced. */
function findUselessWithStick(group: Place): void {
  const { report } = group;
  const stick = `${report.spell("stick")} endpoint`;
  const [balance, spread] = [group.at("balance"), group.at("on_recover", "spread")];
  if (balance.isSet && !balance.is("round_robin")) {
    balance.add(`Cannot use "${report.spell("balance")}" with ${stick}: all connections go to one endpoint`);
  }
  for (const key of ["slow_start", "rebalance"]) {
    const place = group.at(key);
    if (!place.isSet || place.isZero) continue;
    place.add(`Cannot use "${report.spell(key)}" with ${stick}: all connections go to one endpoint`);
  }
  if (!spread.isSet || spread.isZero) return;
  spread.add(
    `Cannot use "${report.spell("spread")}" with ${stick}: meanwhile two endpoints would have clients`,
  );
}
