// SPDX-License-Identifier: Apache-2.0
// A frame as one line, for logs, test failures and error messages.

import { hexDump } from "../bytes/hex.js";
import { decodeUtf8 } from "../bytes/utf8.js";
import { decodeFrame } from "./decode.js";
import { errorCodeName } from "./errors.js";
import type { Frame } from "./frame.js";
import { FrameType, frameTypeName } from "./layout.js";

/** One line about the frame `bytes[start, end)` (without prefix); bytes that are no frame are shown as hex. */
export function describeFrame(bytes: Uint8Array, start = 0, end: number = bytes.length): string {
  try {
    const frame = decodeFrame(bytes, start, end);
    return `${frameTypeName(frame.type)} stream ${frame.streamId}${describeBody(frame)}`;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return `no frame: ${hexDump(bytes.subarray(start, end))} (${reason})`;
  }
}

function describeBody(frame: Frame): string {
  switch (frame.type) {
    case FrameType.SETUP:
      return (
        ` version ${frame.majorVersion}.${frame.minorVersion} keepalive ${frame.keepaliveIntervalMs} ms lifetime ` +
        `${frame.maxLifetimeMs} ms ${frame.metadataMimeType} ${frame.dataMimeType}${payloadSizes(frame)}`
      );
    case FrameType.LEASE:
      return ` ttl ${frame.ttlMs} ms requests ${frame.requestCount}`;
    case FrameType.KEEPALIVE:
      return `${flagNames({ R: frame.respond })} position ${frame.lastReceivedPosition} data ${frame.data.length} bytes`;
    case FrameType.REQUEST_N:
      return ` n ${frame.requestN}`;
    case FrameType.CANCEL:
      return "";
    case FrameType.ERROR:
      return ` ${errorCodeName(frame.code)} ${JSON.stringify(decodeUtf8(frame.data).slice(0, 200))}`;
    case FrameType.METADATA_PUSH:
      return ` metadata ${frame.metadata.length} bytes`;
    case FrameType.RESUME:
      return ` server position ${frame.lastReceivedServerPosition} client position ${frame.firstAvailableClientPosition}`;
    case FrameType.RESUME_OK:
      return ` client position ${frame.lastReceivedClientPosition}`;
    case FrameType.REQUEST_STREAM:
    case FrameType.REQUEST_CHANNEL:
      return `${flagNames({ F: frame.follows, C: frame.complete })} n ${frame.initialRequestN}${payloadSizes(frame)}`;
    case FrameType.PAYLOAD:
      return `${flagNames({ F: frame.follows, C: frame.complete, N: frame.next })}${payloadSizes(frame)}`;
    case FrameType.EXT:
      return ` extended type ${frame.extendedType}${payloadSizes(frame)}`;
    default:
      return `${flagNames({ F: frame.follows })}${payloadSizes(frame)}`;
  }
}

function payloadSizes({ metadata, data }: { metadata: Uint8Array | undefined; data: Uint8Array }): string {
  return `${metadata === undefined ? "" : ` metadata ${metadata.length} bytes`} data ${data.length} bytes`;
}

function flagNames(flags: Readonly<Record<string, boolean>>): string {
  const names = Object.keys(flags).filter((name) => flags[name]);
  return names.length === 0 ? "" : ` [${names.join(" ")}]`;
}
