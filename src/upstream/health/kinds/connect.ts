/** A check for which an open connection is enough. */

import { good } from "../verdict.ts";
import type { CheckKind, Conversation } from "./registry.ts";

const converse: Conversation = () => Promise.resolve(good("connected"));

export const connectCheck: CheckKind = () => converse;
