// SPDX-License-Identifier: Apache-2.0
// Frames that can't be, or that nobody knows: lengths, metadata lengths, types (RSocket 1.0 §Framing, §Handling the Unexpected).

import { repeat, textHex, uint } from "../../support/frames-dsl.js";
import { type Attack, STREAMS } from "../attack.js";
import { body, Flag, header, payload, requestN, route, setup, simple, Type, unary } from "../bytes.js";

const SHORT_LENGTHS = [0, 1, 2, 3, 4, 5];
const MALFORMED = { ends: "CONNECTION_ERROR", saying: /expected|cut short|longer than/ } as const;
const REFUSED = { ends: "INVALID_SETUP", saying: /expected/ } as const;

/** Frames of a stream and of the connection whose bodies are cut off, by name. */
const CUT_SHORT: Readonly<Record<string, string>> = {
  "REQUEST_STREAM without its n": header(1, Type.REQUEST_STREAM),
  "REQUEST_STREAM with half an n": `${header(1, Type.REQUEST_STREAM)}0000`,
  "REQUEST_CHANNEL with half an n": `${header(1, Type.REQUEST_CHANNEL)}0000`,
  "REQUEST_N without its n": header(1, Type.REQUEST_N),
  "ERROR without its code": header(1, Type.ERROR),
  "ERROR on stream 0 without its code": `${header(0, Type.ERROR)}0001`,
  "KEEPALIVE without its position": `${header(0, Type.KEEPALIVE, Flag.RESPOND)}00000000`,
};

/** Requests whose metadata says to be longer than the frame. */
const LYING: Readonly<Record<string, string>> = {
  "REQUEST_RESPONSE, by one": `${header(1, Type.REQUEST_RESPONSE, Flag.METADATA)}00000200`,
  "REQUEST_RESPONSE, by 16 MiB": `${header(1, Type.REQUEST_RESPONSE, Flag.METADATA)}ffffff00`,
  "REQUEST_RESPONSE without room for the length": `${header(1, Type.REQUEST_RESPONSE, Flag.METADATA)}0000`,
  REQUEST_FNF: `${header(1, Type.REQUEST_FNF, Flag.METADATA)}00010000`,
  REQUEST_STREAM: `${header(1, Type.REQUEST_STREAM, Flag.METADATA)}0000000100010000`,
  REQUEST_CHANNEL: `${header(1, Type.REQUEST_CHANNEL, Flag.METADATA)}0000000100010000`,
  "a first fragment": `${header(1, Type.REQUEST_RESPONSE, Flag.METADATA | Flag.FOLLOWS)}00010000`,
};

/** SETUP frames whose fields say to be longer than the frame. */
const LYING_SETUPS: Readonly<Record<string, string>> = {
  "its header alone": header(0, Type.SETUP),
  "half of its times": `${header(0, Type.SETUP)}0001000000004e200001`,
  "a mime type beyond its end": setup({ mimeTypes: "7f6161" }),
  "no second mime type": setup({ mimeTypes: "0161" }),
  "a second mime type beyond its end": setup({ mimeTypes: "0161ff61" }),
  "metadata beyond its end": setup({ flags: Flag.METADATA, rest: "00ffff00" }),
  "no room for the metadata's length": setup({ flags: Flag.METADATA, rest: "0000" }),
};

/** Types that RSocket 1.0 doesn't define. */
const UNKNOWN_TYPES = [0x00, 0x0f, 0x10, 0x2a, 0x3e];

export const framingAttacks: readonly Attack[] = [
  ...SHORT_LENGTHS.flatMap((length): Attack[] => [
    {
      threat: 1,
      name: `a first frame of ${length} bytes`,
      opens: false,
      over: STREAMS,
      bytes: uint(length, 3) + repeat("00", length),
      outcome: REFUSED,
    },
    {
      threat: 1,
      name: `a frame of ${length} bytes`,
      over: STREAMS,
      bytes: uint(length, 3) + repeat("00", length),
      outcome: MALFORMED,
    },
    {
      threat: 1,
      name: `a message of ${length} bytes`,
      over: ["ws"],
      sends: [repeat("00", length)],
      outcome: MALFORMED,
    },
  ]),
  {
    threat: 2,
    name: "a length of 16 MiB, and nothing behind it",
    over: STREAMS,
    bytes: "ffffff",
    outcome: { ends: "CONNECTION_ERROR", saying: /^frame length 16777215, expected 6 … 4259904/ },
  },
  {
    threat: 3,
    name: "a first length above that of any SETUP",
    opens: false,
    over: STREAMS,
    bytes: "010001",
    outcome: { ends: "INVALID_SETUP", saying: /^frame length 65537, expected 6 … 65536/ },
  },
  ...Object.entries(CUT_SHORT).map(
    ([name, frame]): Attack => ({ threat: 6, name, sends: [frame], outcome: MALFORMED }),
  ),
  ...Object.entries(CUT_SHORT).map(([name, frame]): Attack => {
    const [streamId, head, rest] = [frame.slice(0, 8), frame.slice(8, 12), frame.slice(12)];
    const ignorable = streamId + uint(Number.parseInt(head, 16) | Flag.IGNORE, 2) + rest;
    // A request without its n can't be answered either, and ERROR of a connection is never to be ignored.
    const outcome = streamId === "00000000" && head.startsWith("2c") ? MALFORMED : "ignored";
    return { threat: 6, name: `${name}, to be ignored`, sends: [ignorable], outcome };
  }),
  ...Object.entries(LYING).map(
    ([name, frame]): Attack => ({
      threat: 6,
      name: `metadata beyond the end of ${name}`,
      sends: [frame],
      outcome: { ends: "CONNECTION_ERROR", saying: /longer than the frame/ },
    }),
  ),
  {
    threat: 6,
    name: "metadata beyond the end of a second fragment",
    sends: [unary(1, "", "UnaryCall", Flag.FOLLOWS), `${header(1, Type.PAYLOAD, Flag.METADATA | Flag.NEXT)}00010000`],
    outcome: { ends: "CONNECTION_ERROR", saying: /longer than the frame/ },
  },
  ...Object.entries(LYING_SETUPS).map(
    ([name, frame]): Attack => ({
      threat: 6,
      name: `SETUP with ${name}`,
      opens: false,
      sends: [frame],
      outcome: { ends: "INVALID_SETUP", saying: /./ },
    }),
  ),
  ...UNKNOWN_TYPES.flatMap((type): Attack[] => [
    {
      threat: 8,
      name: `type 0x${type.toString(16)} to be ignored, on stream 0`,
      sends: [`${header(0, type, Flag.IGNORE)}00`],
      outcome: "ignored",
    },
    {
      threat: 8,
      name: `type 0x${type.toString(16)} to be ignored, on a stream`,
      sends: [`${header(1, type, Flag.IGNORE)}00`],
      outcome: "ignored",
    },
    {
      threat: 8,
      name: `type 0x${type.toString(16)}, on stream 0`,
      sends: [`${header(0, type)}00`],
      outcome: { ends: "CONNECTION_ERROR", saying: /not understood/ },
    },
    {
      threat: 8,
      name: `type 0x${type.toString(16)}, on a stream`,
      sends: [`${header(1, type)}00`],
      outcome: { ends: "CONNECTION_ERROR", saying: /not understood/ },
    },
  ]),
  {
    threat: 8,
    name: "an extension to be ignored",
    sends: [`${header(0, Type.EXT, Flag.IGNORE)}00000001`],
    outcome: "ignored",
  },
  {
    threat: 8,
    name: "an extension",
    sends: [`${header(0, Type.EXT)}00000001`],
    outcome: { ends: "CONNECTION_ERROR", saying: /not understood/ },
  },
  {
    threat: 7,
    name: "another protocol",
    opens: false,
    over: STREAMS,
    bytes: textHex("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    outcome: REFUSED,
  },
  {
    threat: 7,
    name: "another protocol, once set up",
    over: STREAMS,
    bytes: textHex("GET / HTTP/1.1"),
    outcome: MALFORMED,
  },
  // What isn't valid UTF-8 is nobody's name.
  {
    threat: 7,
    name: "a route that isn't text",
    sends: [header(1, Type.REQUEST_RESPONSE, Flag.METADATA) + body(`0001${sized("fffe80")}${sized("c080")}0000`)],
    outcome: { refuses: 1, code: "APPLICATION_ERROR", saying: /can not find service/ },
  },
  {
    threat: 7,
    name: "a message that is no protobuf",
    sends: [unary(1, "ffffffffffffffffffffff")],
    outcome: { refuses: 1, code: "INVALID", saying: /./ },
  },
  {
    threat: 7,
    name: "a field whose length is beyond the message",
    sends: [unary(1, "0affffffff07")],
    outcome: { refuses: 1, code: "INVALID", saying: /./ },
  },
  {
    threat: 7,
    name: "a route that is cut off",
    sends: [header(1, Type.REQUEST_RESPONSE, Flag.METADATA) + body(route("UnaryCall").slice(0, 40))],
    outcome: { refuses: 1, code: "INVALID", saying: /./ },
  },
  {
    threat: 7,
    name: "no metadata",
    sends: [header(1, Type.REQUEST_RESPONSE) + simple({})],
    outcome: { refuses: 1, code: "INVALID", saying: /./ },
  },
  {
    threat: 7,
    name: "a service that isn't there",
    sends: [header(1, Type.REQUEST_RESPONSE, Flag.METADATA) + body(route("UnaryCall", "", "no.Such"))],
    outcome: { refuses: 1, code: "APPLICATION_ERROR", saying: /can not find service/ },
  },
  {
    threat: 7,
    name: "a method that isn't there",
    sends: [unary(1, "", "constructor")],
    outcome: { refuses: 1, code: "APPLICATION_ERROR", saying: /unknown method/ },
  },
  {
    threat: 7,
    name: "a method of another interaction",
    sends: [unary(1, "", "ServerStream")],
    outcome: { refuses: 1, code: "APPLICATION_ERROR", saying: /unknown method/ },
  },
  // Frames of a stream that has not begun.
  ...[payload(1, "00"), requestN(1, 1), header(1, Type.CANCEL)].map(
    (frame, i): Attack => ({
      threat: 17,
      name: `a frame of a stream that never was (${i})`,
      sends: [frame],
      outcome: "ignored",
    }),
  ),
];

function sized(digits: string): string {
  return uint(digits.length / 2, 2) + digits;
}
