// SPDX-License-Identifier: Apache-2.0
// Details of a status: apart, so that pages without them don't carry it.

import type { ErrorDetail } from "../metadata/envelope.js";
import { MAX_DETAILS } from "./constants.js";
import { pairsInto, type ReadValue } from "./envelope.js";

/** What a connection that reads the details of errors is made with: `details`. */
export interface DetailsSupport {
  /** @internal What reads a detail and adds it to `found`. Values are views. @throws RangeError for what is none. */
  into(found: ErrorDetail[]): ReadValue;
}

/**
 * Details of errors for `connect`; `findDetails` of `rsocket-rpc` reads those of a type.
 * @example
 * const connection = await connect("wss://api.example.com/rpc", { details });
 */
export const details: DetailsSupport = {
  into: (found) => pairsInto(found, MAX_DETAILS, (typeUrl, value) => ({ typeUrl, value })),
};
