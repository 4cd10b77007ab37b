// SPDX-License-Identifier: Apache-2.0
// The names that `shorten.mjs` shortens.

/** Members of types that only files of `lite/` and `codec/` use, and that nothing else there is called by. */
export const PRIVATE = [
  ...["reassemblyBytes", "unconsumedBytes", "queuedBytes", "endReason", "hasRoom", "isOurs", "accepted"],
  ...["calls", "waiting", "turns", "init", "setup", "session", "hello", "count", "malformed"],
  ...["enqueue", "open", "forget", "earn", "takeOne", "mostFrameBytes", "onWholeFrame", "onRoom", "onLinkEnd"],
  ...["onSent", "onStreamFrame", "onGivenUp", "onLost", "onAbort", "join"],
  ...["unknownFieldsLeft", "keepUnknownFields", "groupEnd", "depth"],
];
