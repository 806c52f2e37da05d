import assert from "node:assert/strict";
import { formatAddress } from "../../../../../src/net/address.ts";
import { ServiceSlices } from "../../../../../src/upstream/discovery/kubernetes/service_slices.ts";
import { Random } from "../../../../support/random.ts";
import { sliceObject } from "./slices.ts";

/** The endpoints of a slice, as the control plane fills them. */
const SIZE = 100;

Deno.test("ServiceSlices reports the right set after each of 300 changes of up to 500 endpoints", () => {
  const random = new Random(20261129);
  let now = 0;
  let reported: string[] = [];
  using slices = new ServiceSlices({ service: "db", port: "postgres" }, { now: () => now }, {
    endpoints: (endpoints) => void (reported = endpoints.map(({ address }) => formatAddress(address))),
    failed: (_, error) => assert.fail(error as Error),
    answered: () => assert.fail("nothing has failed"),
  });
  const places: (string | undefined)[] = Array.from({ length: 5 * SIZE }, (_, place) => addressAt(place));
  const objectOf = (slice: number) =>
    sliceObject(places.slice(slice * SIZE, (slice + 1) * SIZE).filter((each) => each !== undefined), {
      name: `db-${slice}`,
    });
  slices.replace([0, 1, 2, 3, 4].map(objectOf));
  for (let change = 0; change < 300; change++) {
    const place = random.integer(0, places.length - 1);
    places[place] = places[place] === undefined ? addressAt(place) : undefined;
    const slice = Math.floor(place / SIZE);
    const isEmpty = places.slice(slice * SIZE, (slice + 1) * SIZE).every((each) => each === undefined);
    now += 100;
    slices.apply([{ type: isEmpty ? "DELETED" : "MODIFIED", object: objectOf(slice) }]);
    const expected = places.flatMap((each) => each === undefined ? [] : `${each}:5432`).sort();
    assert.deepEqual(reported, expected, `change ${change}`);
  }
  assert.ok(reported.length > 200, `${reported.length} endpoints at the end`);
});

function addressAt(place: number): string {
  return `10.0.${place >> 8}.${place & 255}`;
}
