// SPDX-License-Identifier: Apache-2.0
// `rsocket-rpc/frames` (unstable): the frame codec of RSocket 1.0, for tools and tests.

export { fromHex, hexDump, toHex } from "./bytes/hex.js";
export { createBatch, type FrameBatch, forEachFrame, SlabPool, SlabWriter } from "./bytes/slab.js";
export { decodeFrame } from "./frames/decode.js";
export { LengthDeframer } from "./frames/deframer.js";
export { describeFrame } from "./frames/describe.js";
export {
  encodeCancel,
  encodeError,
  encodeExt,
  encodeFrame,
  encodeKeepalive,
  encodeLease,
  encodeMetadataPush,
  encodePayloadFrame,
  encodeRequestN,
  encodeResume,
  encodeResumeOk,
  encodeSetup,
} from "./frames/encode.js";
export { ErrorCode, errorCodeName, errorCodeScope, FrameFormatError } from "./frames/errors.js";
export type * from "./frames/frame.js";
export { Flag, FrameType, frameTypeName } from "./frames/layout.js";
