import assert from "node:assert/strict";
import { type Route, Router } from "../../../../src/admin/http/router.ts";

const ROUTES: Route[] = Array.from({ length: 50 }, (_, index) => ({
  method: "GET",
  path: `/api/v1/number${index}/:name`,
  access: "token",
  summary: "",
  handle: () => new Response(),
}));

Deno.test("Router.find() takes no longer for a path of 60 000 characters than for a short one", () => {
  const router = new Router(ROUTES);
  const timeOf = (path: string) => {
    const times = Array.from({ length: 15 }, () => {
      const began = performance.now();
      assert.throws(() => router.find("GET", path), { name: "ApiError", code: "not_found" });
      return performance.now() - began;
    });
    return Math.min(...times);
  };
  const short = timeOf("/not/there");
  for (const path of [`/${"a/".repeat(30_000)}`, `/api/v1/number7/${"a".repeat(60_000)}`]) {
    const long = timeOf(path);
    // It took 300 times as long.
    assert.ok(long < 10 * short + 0.5, `${long} ms instead of ${short} ms`);
  }
});

Deno.test("Router.find() finds a route whose parameters are as long as they can be", () => {
  const name = encodeURIComponent("ö".repeat(200));
  const { route, params } = new Router(ROUTES).find("GET", `/api/v1/number7/${name}`);
  assert.equal(route, ROUTES[7]);
  assert.equal(params["name"], "ö".repeat(200));
});
