// SPDX-License-Identifier: Apache-2.0
// What two ends of a MessagePort say to each other: frames as an ArrayBuffer, everything else as a small object.

import { isLockName } from "./port-presence.js";

/**
 * Beside frames, which travel as an ArrayBuffer of whole frames with their length prefixes (RSocket 1.0 §Framing):
 *
 * - `open`: the sender listens, and reads ahead so many bytes. Each end says it when it begins, and answers the other's,
 *   since the first one is lost when nobody listens yet.
 * - `ack`: so many bytes of frames were read. An end says so at the latest when it has read an eighth of its window.
 * - `held`: the sender holds the lock `name` as long as it lives; once, when the link is open. Ends may keep it to themselves.
 * - `close`: nothing comes behind this; it is answered alike.
 * - `abort`: it is over, and something may be lost.
 */
export type PortMessage =
  | { readonly rsocket: "open"; readonly windowBytes: number; readonly isAnswer: boolean }
  | { readonly rsocket: "ack"; readonly byteLength: number }
  | { readonly rsocket: "held"; readonly name: string }
  | { readonly rsocket: "close" }
  | { readonly rsocket: "abort" };

/** Reads what came: frames, or one of the messages; undefined when it is neither, whatever it is. */
export function readPortMessage(data: unknown): ArrayBuffer | PortMessage | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  if (isArrayBuffer(data)) return data;
  const { rsocket, windowBytes, isAnswer, byteLength, name } = data as Readonly<Record<string, unknown>>;
  switch (rsocket) {
    case "open":
      return isCount(windowBytes) && typeof isAnswer === "boolean" ? { rsocket, windowBytes, isAnswer } : undefined;
    case "ack":
      return isCount(byteLength) ? { rsocket, byteLength } : undefined;
    case "held":
      return isLockName(name) ? { rsocket, name } : undefined;
    case "close":
    case "abort":
      return { rsocket };
    default:
      return undefined;
  }
}

// By its tag: test runners give code another `ArrayBuffer` than the platform's. Shared memory has another tag.
function isArrayBuffer(data: object): data is ArrayBuffer {
  return Object.prototype.toString.call(data) === "[object ArrayBuffer]";
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0;
}
