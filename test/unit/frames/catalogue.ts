// SPDX-License-Identifier: Apache-2.0
// Every frame of RSocket 1.0 §Frame Types, by hand: bytes with a comment per field, and the object they mean.

import type { Frame } from "../../../runtime/src/frames/frame.js";
import { FrameType } from "../../../runtime/src/frames/layout.js";
import { bytesOf, hex, repeat } from "../../support/frames-dsl.js";

/** One frame, exactly as we write it. */
export interface Specimen {
  readonly what: string;
  /** Without length prefix. */
  readonly hex: string;
  readonly frame: Frame;
}

const NOTHING = new Uint8Array(0);
const MAX_31_BIT = 2_147_483_647;

const SETUP = {
  type: FrameType.SETUP,
  streamId: 0,
  majorVersion: 1,
  minorVersion: 0,
  keepaliveIntervalMs: 20_000,
  maxLifetimeMs: 90_000,
  resumeToken: undefined,
  lease: false,
  metadataMimeType: "a/b",
  dataMimeType: "c/d",
  metadata: undefined,
  data: NOTHING,
} as const;

const SETUPS: readonly Specimen[] = [
  {
    what: "SETUP with nothing but what it must have",
    hex: hex`
      00000000   // stream 0
      0400       // SETUP, no flags
      0001 0000  // version 1.0
      00004e20   // keepalive every 20,000 ms
      00015f90   // lifetime 90,000 ms
      03 612f62  // metadata mime type a/b
      03 632f64  // data mime type c/d
    `,
    frame: SETUP,
  },
  {
    what: "SETUP with token, lease, metadata and data",
    hex: hex`
      00000000       // stream 0
      05c0           // SETUP, M R L
      0001 0000      // version 1.0
      00004e20       // keepalive every 20,000 ms
      00015f90       // lifetime 90,000 ms
      0004 746f6b21  // token of 4 bytes
      03 612f62      // metadata mime type a/b
      03 632f64      // data mime type c/d
      000002 6d64    // metadata of 2 bytes
      6869           // data
    `,
    frame: {
      ...SETUP,
      resumeToken: bytesOf("746f6b21"),
      lease: true,
      metadata: bytesOf("6d64"),
      data: bytesOf("6869"),
    },
  },
  {
    what: "SETUP with an empty token and empty metadata, which are present (META-04)",
    hex: hex`
      00000000   // stream 0
      0580       // SETUP, M R
      0001 0000  // version 1.0
      00004e20   // keepalive every 20,000 ms
      00015f90   // lifetime 90,000 ms
      0000       // token of no bytes
      03 612f62  // metadata mime type a/b
      03 632f64  // data mime type c/d
      000000     // metadata of no bytes
    `,
    frame: { ...SETUP, resumeToken: NOTHING, metadata: NOTHING },
  },
  {
    what: "SETUP with lease only, the largest and the smallest numbers, empty mime types",
    hex: hex`
      00000000   // stream 0
      0440       // SETUP, L
      ffff 0001  // version 65535.1
      7fffffff   // keepalive every 2^31-1 ms
      00000000   // lifetime 0
      00         // metadata mime type ""
      00         // data mime type ""
      ff         // data
    `,
    frame: {
      ...SETUP,
      lease: true,
      majorVersion: 65_535,
      minorVersion: 1,
      keepaliveIntervalMs: MAX_31_BIT,
      maxLifetimeMs: 0,
      metadataMimeType: "",
      dataMimeType: "",
      data: bytesOf("ff"),
    },
  },
  {
    what: "SETUP whose mime types aren't ASCII; their lengths count bytes (SETUP-02)",
    hex: hex`
      00000000           // stream 0
      0400               // SETUP, no flags
      0001 0000          // version 1.0
      00004e20           // keepalive every 20,000 ms
      00015f90           // lifetime 90,000 ms
      07 782fc3a9e280a6  // metadata mime type x/é…
      06 c3a9f09f9a80    // data mime type é🚀
    `,
    frame: { ...SETUP, metadataMimeType: "x/é…", dataMimeType: "é🚀" },
  },
  {
    what: "SETUP with mime types of 255 bytes (SETUP-06)",
    hex: hex`
      00000000                 // stream 0
      0400                     // SETUP, no flags
      0001 0000                // version 1.0
      00004e20                 // keepalive every 20,000 ms
      00015f90                 // lifetime 90,000 ms
      ff ${repeat("61", 255)}  // metadata mime type aaa…
      ff ${repeat("62", 255)}  // data mime type bbb…
    `,
    frame: { ...SETUP, metadataMimeType: "a".repeat(255), dataMimeType: "b".repeat(255) },
  },
];

const CONNECTION_FRAMES: readonly Specimen[] = [
  {
    what: "LEASE without metadata",
    hex: hex`
      00000000  // stream 0
      0800      // LEASE, no flags
      000003e8  // for 1,000 ms
      00000005  // 5 requests
    `,
    frame: { type: FrameType.LEASE, streamId: 0, ttlMs: 1_000, requestCount: 5, metadata: undefined },
  },
  {
    what: "LEASE with metadata, which has no length field (LEASE-05)",
    hex: hex`
      00000000  // stream 0
      0900      // LEASE, M
      7fffffff  // for 2^31-1 ms
      00000000  // no request
      6d64      // metadata
    `,
    frame: { type: FrameType.LEASE, streamId: 0, ttlMs: MAX_31_BIT, requestCount: 0, metadata: bytesOf("6d64") },
  },
  {
    what: "LEASE with empty metadata, which is present",
    hex: hex`
      00000000  // stream 0
      0900      // LEASE, M
      00000000  // for 0 ms
      7fffffff  // 2^31-1 requests
    `,
    frame: { type: FrameType.LEASE, streamId: 0, ttlMs: 0, requestCount: MAX_31_BIT, metadata: NOTHING },
  },
  {
    what: "KEEPALIVE that wants an answer",
    hex: hex`
      00000000          // stream 0
      0c80              // KEEPALIVE, R
      0000000000000000  // position 0
      64                // data
    `,
    frame: { type: FrameType.KEEPALIVE, streamId: 0, respond: true, lastReceivedPosition: 0, data: bytesOf("64") },
  },
  {
    what: "KEEPALIVE that is an answer, with the largest position that is exact",
    hex: hex`
      00000000          // stream 0
      0c00              // KEEPALIVE, no flags
      001fffffffffffff  // position 2^53-1
    `,
    frame: {
      type: FrameType.KEEPALIVE,
      streamId: 0,
      respond: false,
      lastReceivedPosition: 9_007_199_254_740_991,
      data: NOTHING,
    },
  },
  {
    what: "METADATA_PUSH, whose metadata has no length field (MP-02)",
    hex: hex`
      00000000  // stream 0
      3100      // METADATA_PUSH, M
      6d64      // metadata
    `,
    frame: { type: FrameType.METADATA_PUSH, streamId: 0, metadata: bytesOf("6d64") },
  },
  {
    what: "METADATA_PUSH of nothing",
    hex: hex`
      00000000  // stream 0
      3100      // METADATA_PUSH, M
    `,
    frame: { type: FrameType.METADATA_PUSH, streamId: 0, metadata: NOTHING },
  },
  {
    what: "RESUME",
    hex: hex`
      00000000          // stream 0
      3400              // RESUME, no flags
      0001 0000         // version 1.0
      0003 746f6b       // token of 3 bytes
      0000000100000000  // last received server position 2^32
      00000000ffffffff  // first available client position 2^32-1
    `,
    frame: {
      type: FrameType.RESUME,
      streamId: 0,
      majorVersion: 1,
      minorVersion: 0,
      resumeToken: bytesOf("746f6b"),
      lastReceivedServerPosition: 4_294_967_296,
      firstAvailableClientPosition: 4_294_967_295,
    },
  },
  {
    what: "RESUME with an empty token and the version of js-alpha",
    hex: hex`
      00000000          // stream 0
      3400              // RESUME, no flags
      0000 0001         // version 0.1
      0000              // token of no bytes
      0000000000000000  // last received server position 0
      0000000080000000  // first available client position 2^31
    `,
    frame: {
      type: FrameType.RESUME,
      streamId: 0,
      majorVersion: 0,
      minorVersion: 1,
      resumeToken: NOTHING,
      lastReceivedServerPosition: 0,
      firstAvailableClientPosition: 2_147_483_648,
    },
  },
  {
    what: "RESUME_OK",
    hex: hex`
      00000000          // stream 0
      3800              // RESUME_OK, no flags
      0000000123456789  // last received client position
    `,
    frame: { type: FrameType.RESUME_OK, streamId: 0, lastReceivedClientPosition: 0x1_2345_6789 },
  },
];

const REQUESTS: readonly Specimen[] = [
  {
    what: "REQUEST_RESPONSE with metadata and data",
    hex: hex`
      00000001     // stream 1
      1100         // REQUEST_RESPONSE, M
      000002 6d64  // metadata of 2 bytes
      6869         // data
    `,
    frame: {
      type: FrameType.REQUEST_RESPONSE,
      streamId: 1,
      follows: false,
      metadata: bytesOf("6d64"),
      data: bytesOf("6869"),
    },
  },
  {
    what: "REQUEST_RESPONSE without metadata, on the last stream",
    hex: hex`
      7fffffff  // stream 2^31-1
      1000      // REQUEST_RESPONSE, no flags
    `,
    frame: {
      type: FrameType.REQUEST_RESPONSE,
      streamId: MAX_31_BIT,
      follows: false,
      metadata: undefined,
      data: NOTHING,
    },
  },
  {
    what: "REQUEST_RESPONSE with empty metadata, which is present (META-04)",
    hex: hex`
      00000001  // stream 1
      1180      // REQUEST_RESPONSE, M F
      000000    // metadata of no bytes
    `,
    frame: { type: FrameType.REQUEST_RESPONSE, streamId: 1, follows: true, metadata: NOTHING, data: NOTHING },
  },
  {
    what: "REQUEST_FNF without metadata",
    hex: hex`
      00000003  // stream 3
      1400      // REQUEST_FNF, no flags
      68        // data
    `,
    frame: { type: FrameType.REQUEST_FNF, streamId: 3, follows: false, metadata: undefined, data: bytesOf("68") },
  },
  {
    what: "REQUEST_FNF with metadata, of which more follows",
    hex: hex`
      00000003   // stream 3
      1580       // REQUEST_FNF, M F
      000001 6d  // metadata of 1 byte
      68         // data
    `,
    frame: { type: FrameType.REQUEST_FNF, streamId: 3, follows: true, metadata: bytesOf("6d"), data: bytesOf("68") },
  },
  {
    what: "REQUEST_STREAM",
    hex: hex`
      00000002   // stream 2
      1980       // REQUEST_STREAM, M F
      7fffffff   // initial n 2^31-1
      000001 6d  // metadata of 1 byte
      68         // data
    `,
    frame: {
      type: FrameType.REQUEST_STREAM,
      streamId: 2,
      follows: true,
      complete: false,
      initialRequestN: MAX_31_BIT,
      metadata: bytesOf("6d"),
      data: bytesOf("68"),
    },
  },
  {
    what: "REQUEST_STREAM without metadata",
    hex: hex`
      00000002  // stream 2
      1800      // REQUEST_STREAM, no flags
      00000000  // initial n 0
    `,
    frame: {
      type: FrameType.REQUEST_STREAM,
      streamId: 2,
      follows: false,
      complete: false,
      initialRequestN: 0,
      metadata: undefined,
      data: NOTHING,
    },
  },
  {
    what: "REQUEST_CHANNEL with no flags",
    hex: hex`
      00000005  // stream 5
      1c00      // REQUEST_CHANNEL, no flags
      00000002  // initial n 2
      68        // data
    `,
    frame: {
      type: FrameType.REQUEST_CHANNEL,
      streamId: 5,
      follows: false,
      complete: false,
      initialRequestN: 2,
      metadata: undefined,
      data: bytesOf("68"),
    },
  },
  {
    what: "REQUEST_CHANNEL that is complete",
    hex: hex`
      00000005  // stream 5
      1d40      // REQUEST_CHANNEL, M C
      00000001  // initial n 1
      000000    // metadata of no bytes
      68        // data
    `,
    frame: {
      type: FrameType.REQUEST_CHANNEL,
      streamId: 5,
      follows: false,
      complete: true,
      initialRequestN: 1,
      metadata: NOTHING,
      data: bytesOf("68"),
    },
  },
  {
    what: "REQUEST_CHANNEL of which more follows, and C, which both survive (PAY-04 is the session's)",
    hex: hex`
      00000005  // stream 5
      1cc0      // REQUEST_CHANNEL, F C
      00000100  // initial n 256
      68        // data
    `,
    frame: {
      type: FrameType.REQUEST_CHANNEL,
      streamId: 5,
      follows: true,
      complete: true,
      initialRequestN: 256,
      metadata: undefined,
      data: bytesOf("68"),
    },
  },
];

const PAYLOAD = {
  type: FrameType.PAYLOAD,
  streamId: 1,
  follows: false,
  complete: false,
  next: false,
  metadata: undefined,
  data: NOTHING,
} as const;

const STREAM_FRAMES: readonly Specimen[] = [
  {
    what: "REQUEST_N",
    hex: hex`
      00000001  // stream 1
      2000      // REQUEST_N, no flags
      7fffffff  // n 2^31-1
    `,
    frame: { type: FrameType.REQUEST_N, streamId: 1, requestN: MAX_31_BIT },
  },
  {
    what: "CANCEL",
    hex: hex`
      00000001  // stream 1
      2400      // CANCEL, no flags
    `,
    frame: { type: FrameType.CANCEL, streamId: 1 },
  },
  {
    what: "PAYLOAD that is an item of no bytes (PAY-02)",
    hex: hex`
      00000001  // stream 1
      2820      // PAYLOAD, N
    `,
    frame: { ...PAYLOAD, next: true },
  },
  {
    what: "PAYLOAD that is the end",
    hex: hex`
      00000001  // stream 1
      2840      // PAYLOAD, C
    `,
    frame: { ...PAYLOAD, complete: true },
  },
  {
    what: "PAYLOAD that is the last item, with metadata",
    hex: hex`
      00000001     // stream 1
      2960         // PAYLOAD, M C N
      000002 6d64  // metadata of 2 bytes
      6869         // data
    `,
    frame: { ...PAYLOAD, next: true, complete: true, metadata: bytesOf("6d64"), data: bytesOf("6869") },
  },
  {
    what: "PAYLOAD with empty metadata, which is present (META-04)",
    hex: hex`
      00000001  // stream 1
      2920      // PAYLOAD, M N
      000000    // metadata of no bytes
    `,
    frame: { ...PAYLOAD, next: true, metadata: NOTHING },
  },
  {
    what: "PAYLOAD that is a fragment, with every flag",
    hex: hex`
      00000001  // stream 1
      29e0      // PAYLOAD, M F C N
      000001 6d // metadata of 1 byte
    `,
    frame: { ...PAYLOAD, follows: true, next: true, complete: true, metadata: bytesOf("6d") },
  },
  {
    what: "PAYLOAD with no flag, as some peers send fragments",
    hex: hex`
      00000001  // stream 1
      2800      // PAYLOAD, no flags
      68        // data
    `,
    frame: { ...PAYLOAD, data: bytesOf("68") },
  },
  {
    what: "ERROR on the connection",
    hex: hex`
      00000000  // stream 0
      2c00      // ERROR, no flags
      00000003  // REJECTED_SETUP
      6e6f      // "no"
    `,
    frame: { type: FrameType.ERROR, streamId: 0, code: 0x003, data: bytesOf("6e6f") },
  },
  {
    what: "ERROR on a stream, without text",
    hex: hex`
      00000001  // stream 1
      2c00      // ERROR, no flags
      00000201  // APPLICATION_ERROR
    `,
    frame: { type: FrameType.ERROR, streamId: 1, code: 0x201, data: NOTHING },
  },
  {
    what: "ERROR with the largest code of an application, which is unsigned (ERR-05)",
    hex: hex`
      00000001  // stream 1
      2c00      // ERROR, no flags
      fffffffe  // 2^32-2
      c3a9      // "é"
    `,
    frame: { type: FrameType.ERROR, streamId: 1, code: 4_294_967_294, data: bytesOf("c3a9") },
  },
  {
    what: "ERROR with the first code whose top bit is set",
    hex: hex`
      00000001  // stream 1
      2c00      // ERROR, no flags
      80000000  // 2^31
    `,
    frame: { type: FrameType.ERROR, streamId: 1, code: 2_147_483_648, data: NOTHING },
  },
  {
    what: "EXT that may be ignored, with metadata",
    hex: hex`
      00000000   // stream 0
      ff00       // EXT, I M
      7fffffff   // extended type 2^31-1
      000001 6d  // metadata of 1 byte
      68         // data
    `,
    frame: {
      type: FrameType.EXT,
      streamId: 0,
      mayIgnore: true,
      extendedType: MAX_31_BIT,
      metadata: bytesOf("6d"),
      data: bytesOf("68"),
    },
  },
  {
    what: "EXT that may not be ignored, on a stream, without metadata",
    hex: hex`
      00000007  // stream 7
      fc00      // EXT, no flags
      00000001  // extended type 1
      68        // data
    `,
    frame: {
      type: FrameType.EXT,
      streamId: 7,
      mayIgnore: false,
      extendedType: 1,
      metadata: undefined,
      data: bytesOf("68"),
    },
  },
];

/** At least one of every type. */
export const SPECIMENS: readonly Specimen[] = [...SETUPS, ...CONNECTION_FRAMES, ...REQUESTS, ...STREAM_FRAMES];
