// SPDX-License-Identifier: Apache-2.0
// A frame as one line, for logs, test failures and error messages.

import { hexDump } from "../bytes/hex.js";
import { decodeUtf8 } from "../bytes/utf8.js";
import { decodeFrame } from "./decode.js";
import { errorCodeName } from "./errors.js";
import type { Frame } from "./frame.js";
import { FrameType, frameTypeName } from "./layout.js";

const SHOWN_CHARACTERS = 200;

/**
 * One line about the frame `bytes[start, end)` (without prefix); bytes that are no frame are shown as hex.
 * Never throws. Text of the peer is quoted and escaped, payloads are shown by their size only, tokens not at all.
 */
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
        `${flagNames({ R: frame.resumeToken !== undefined, L: frame.lease })} version ${frame.majorVersion}.` +
        `${frame.minorVersion} keepalive ${frame.keepaliveIntervalMs} ms lifetime ${frame.maxLifetimeMs} ms ` +
        `${JSON.stringify(frame.metadataMimeType)} ${JSON.stringify(frame.dataMimeType)}${payloadSizes(frame)}`
      );
    case FrameType.LEASE:
      return ` ttl ${frame.ttlMs} ms requests ${frame.requestCount}${metadataSize(frame.metadata)}`;
    case FrameType.KEEPALIVE:
      return `${flagNames({ R: frame.respond })} position ${frame.lastReceivedPosition} data ${frame.data.length} bytes`;
    case FrameType.REQUEST_N:
      return ` n ${frame.requestN}`;
    case FrameType.CANCEL:
      return "";
    case FrameType.ERROR:
      return ` ${errorCodeName(frame.code)} ${JSON.stringify(beginningOf(frame.data))}`;
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
      return `${flagNames({ I: frame.mayIgnore })} extended type ${frame.extendedType}${payloadSizes(frame)}`;
    default:
      return `${flagNames({ F: frame.follows })}${payloadSizes(frame)}`;
  }
}

// Enough to see what went wrong. No character has more than four bytes: one that is cut in two here isn't shown.
function beginningOf(text: Uint8Array): string {
  return decodeUtf8(text, 0, Math.min(text.length, 4 * SHOWN_CHARACTERS)).slice(0, SHOWN_CHARACTERS);
}

function payloadSizes({ metadata, data }: { metadata: Uint8Array | undefined; data: Uint8Array }): string {
  return `${metadataSize(metadata)} data ${data.length} bytes`;
}

function metadataSize(metadata: Uint8Array | undefined): string {
  return metadata === undefined ? "" : ` metadata ${metadata.length} bytes`;
}

function flagNames(flags: Readonly<Record<string, boolean>>): string {
  const names = Object.keys(flags).filter((name) => flags[name]);
  return names.length === 0 ? "" : ` [${names.join(" ")}]`;
}
