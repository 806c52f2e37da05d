/** A part of the configuration with keys of its own. */

import { z } from "zod";

/** A mapping with these keys and no others. `expected` completes "Expected …". */
export function section<Shape extends z.core.$ZodLooseShape>(expected: string, shape: Shape) {
  const keys = Object.keys(shape).join(", ");
  return z.strictObject(shape, {
    error: (issue) => issue.code === "unrecognized_keys" ? keys : expected,
  });
}
