/** How what is secret in a configuration is written as text: so that it can be decoded again, or not shown. */

import { formatPayload } from "../values/payload.ts";
import { formatSize } from "../values/size.ts";

/** Writes values that are secret, or may be. */
export interface SecretFormat {
  readonly token: (token: string) => string;
  /** What a health check sends and expects, which may hold a password. */
  readonly payload: (bytes: Uint8Array) => string;
}

/** Of bytes, how many there are; of a token, not even that. */
export const MASKED: SecretFormat = {
  token: () => "***",
  payload: (bytes) => `*** (${formatSize(bytes.length)})`,
};

/** As they are. */
export const PLAIN: SecretFormat = { token: (token) => token, payload: formatPayload };
