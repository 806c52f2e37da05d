/** With many routes, the work of a round is in as many steps. */

import assert from "node:assert/strict";
import type { Steps } from "../../../src/config/input/steps.ts";
import { decodePort } from "../../../src/gateway/port_document.ts";
import { isSamePlan } from "../../../src/gateway/same_plan.ts";
import { statusUpdates } from "../../../src/gateway/translation/statuses.ts";
import { type GatewayOptions, translate } from "../../../src/gateway/translation/translate.ts";
import {
  gateway,
  gatewayClass,
  service,
  slice,
  tlsListener,
  tlsRoute,
} from "../../support/kubernetes/gateway_objects.ts";
import { NOW, snapshotOf } from "./translated.ts";

const MANY = 100;
const OPTIONS: GatewayOptions = {
  className: "sluice",
  gateway: undefined,
  addresses: [],
  service: undefined,
};

Deno.test("a round of the gateway takes a step for each route", () => {
  const routes = Array.from({ length: MANY }, (_, number) => [
    service(`s${number}`, 80),
    slice(`s${number}`, [`10.0.0.${number}:80`]),
    tlsRoute(`r${number}`, [{ name: "edge" }], [`h${number}.example.com`], [{
      name: `s${number}`,
      port: 80,
    }]),
  ]).flat();
  const snapshot = snapshotOf([gatewayClass(), gateway("edge", [tlsListener("tls", 443)]), ...routes]);
  const counted = <Result>(what: string, steps: Steps<Result>): Result => {
    for (let count = 0;; count++) {
      const { done, value } = steps.next();
      if (done !== true) continue;
      assert.ok(count >= MANY, `${what}: ${count} steps`);
      return value;
    }
  };
  const translation = counted("translate()", translate(snapshot, OPTIONS));
  const [plan] = translation.ports;
  assert.equal(plan!.routes.length, MANY);
  counted("decodePort()", decodePort(plan!, { host: "", directory: "/c", defaults: {} }));
  assert.equal(counted("isSamePlan()", isSamePlan(plan!, plan!)), true);
  assert.ok(counted("statusUpdates()", statusUpdates(translation, new Map(), NOW)).length > MANY);
});
