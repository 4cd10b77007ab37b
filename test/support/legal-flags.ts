// SPDX-License-Identifier: Apache-2.0
// Which flags RSocket 1.0 defines on which frame, for what is to be written and what must be ignored.

import { Flag, FrameType } from "../../runtime/src/frames/layout.js";

/** The flags that each type defines. All other bits are sent as 0 and ignored on receipt (§Framing, HDR-01, HDR-02). */
export const LEGAL_FLAGS: ReadonlyMap<number, number> = new Map<number, number>([
  [FrameType.SETUP, Flag.IGNORE | Flag.METADATA | Flag.RESUME_ENABLE | Flag.LEASE],
  [FrameType.LEASE, Flag.IGNORE | Flag.METADATA],
  [FrameType.KEEPALIVE, Flag.IGNORE | Flag.RESPOND],
  [FrameType.REQUEST_RESPONSE, Flag.IGNORE | Flag.METADATA | Flag.FOLLOWS],
  [FrameType.REQUEST_FNF, Flag.IGNORE | Flag.METADATA | Flag.FOLLOWS],
  [FrameType.REQUEST_STREAM, Flag.IGNORE | Flag.METADATA | Flag.FOLLOWS],
  [FrameType.REQUEST_CHANNEL, Flag.IGNORE | Flag.METADATA | Flag.FOLLOWS | Flag.COMPLETE],
  [FrameType.REQUEST_N, Flag.IGNORE],
  [FrameType.CANCEL, Flag.IGNORE],
  [FrameType.PAYLOAD, Flag.IGNORE | Flag.METADATA | Flag.FOLLOWS | Flag.COMPLETE | Flag.NEXT],
  [FrameType.ERROR, Flag.IGNORE],
  [FrameType.METADATA_PUSH, Flag.IGNORE | Flag.METADATA],
  [FrameType.RESUME, Flag.IGNORE],
  [FrameType.RESUME_OK, Flag.IGNORE],
  [FrameType.EXT, Flag.IGNORE | Flag.METADATA],
]);
