/** The examples of every third page; the other two files have the others. */

import { testExamples } from "../../support/docs/examples.ts";

testExamples(2, 3);
