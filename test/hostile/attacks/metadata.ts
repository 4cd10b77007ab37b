// SPDX-License-Identifier: Apache-2.0
// Metadata and messages: too much of them, too deep, and keys that mean something to JavaScript.

import { hex, repeat, textHex, uint } from "../../support/frames-dsl.js";
import type { Attack } from "../attack.js";
import { body, Flag, field, header, payload, route, SERVICE, setup, simple, Type, unary } from "../bytes.js";

const COMPOSITE = textHex("message/x.rsocket.composite-metadata.v0");
const COMPOSITE_SETUP = setup({ mimeTypes: `${uint(COMPOSITE.length / 2, 1)}${COMPOSITE}0161` });
const ROUTING = "fe"; // message/x.rsocket.routing.v0
const HOSTILE_NAMES = ["__proto__", "constructor", "toString", "hasOwnProperty", "then", ""];

/** REQUEST_RESPONSE with this metadata. */
function request(metadata: string, data = ""): string {
  return header(1, Type.REQUEST_RESPONSE, Flag.METADATA) + body(metadata, data);
}

/** An entry of composite metadata. */
function entry(mimeType: string, content: string): string {
  return mimeType + uint(content.length / 2, 3) + content;
}

const GROUPS = `${repeat("4b", 20_000)}${repeat("4c", 20_000)}`;

export const metadataAttacks: readonly Attack[] = [
  {
    threat: 30,
    name: "metadata above 64 KiB",
    sends: [request(route("UnaryCall", repeat("00", 65_536)))],
    outcome: { refuses: 1, code: "INVALID", saying: /metadata of \d+ bytes is above maxMetadataBytes, \d+/ },
  },
  {
    threat: 30,
    name: "metadata above 64 KiB in fragments",
    sends: [
      header(1, Type.REQUEST_RESPONSE, Flag.METADATA | Flag.FOLLOWS) + body(repeat("00", 60_000)),
      header(1, Type.PAYLOAD, Flag.METADATA | Flag.FOLLOWS | Flag.NEXT) + body(repeat("00", 60_000)),
      payload(1, "00"),
    ],
    outcome: { refuses: 1, code: "INVALID", saying: /metadata of 120000 bytes is above maxMetadataBytes, 65536/ },
  },
  {
    threat: 30,
    name: "10,000 entries of composite metadata",
    opens: false,
    sends: [COMPOSITE_SETUP, request(entry("81", "00").repeat(10_000))],
    outcome: { refuses: 1, code: "INVALID", saying: /./, isOfOtherMode: true },
  },
  ...["ff", "fe000000", "fe0000ff00", "7f616161", "00"].map(
    (metadata, i): Attack => ({
      threat: 30,
      name: `composite metadata that is cut off (${i})`,
      opens: false,
      sends: [COMPOSITE_SETUP, request(metadata)],
      outcome: { refuses: 1, code: "INVALID", saying: /./, isOfOtherMode: true },
    }),
  ),
  {
    threat: 30,
    name: "255 routing tags of 255 letters",
    opens: false,
    sends: [COMPOSITE_SETUP, request(entry(ROUTING, `ff${repeat("61", 255)}`.repeat(255)))],
    outcome: { refuses: 1, code: "APPLICATION_ERROR", saying: /can not find service/, isOfOtherMode: true },
  },
  ...HOSTILE_NAMES.flatMap((name): Attack[] => [
    {
      threat: 42,
      name: `a method called "${name}"`,
      sends: [request(route(name))],
      outcome: { refuses: 1, code: "APPLICATION_ERROR", saying: /unknown method/ },
    },
    {
      threat: 42,
      name: `a service called "${name}"`,
      sends: [request(route("UnaryCall", "", name))],
      outcome: { refuses: 1, code: "APPLICATION_ERROR", saying: /can not find service/ },
    },
    {
      threat: 42,
      name: `a key "${name}" in a message`,
      sends: [unary(1, simple({ key: name }))],
      outcome: { serves: 1 },
    },
  ]),
  {
    threat: 43,
    name: "groups 20,000 deep, unknown to the message",
    sends: [unary(1, GROUPS)],
    outcome: { refuses: 1, code: "INVALID", saying: /./ },
  },
  {
    threat: 43,
    name: "groups that never end",
    sends: [unary(1, repeat("4b", 20_000))],
    outcome: { refuses: 1, code: "INVALID", saying: /./ },
  },
  {
    threat: 43,
    name: "messages 1,000 deep where none is expected",
    sends: [unary(1, nested(1_000))],
    outcome: { serves: 1 },
  },
  {
    threat: 44,
    name: "varints of 11 bytes",
    sends: [unary(1, hex`10 ${repeat("ff", 10)} 01`)],
    outcome: { refuses: 1, code: "INVALID", saying: /./ },
  },
  {
    threat: 44,
    name: "a field with number 0",
    sends: [unary(1, "0001")],
    outcome: { refuses: 1, code: "INVALID", saying: /./ },
  },
  {
    threat: 44,
    name: "a text that isn't UTF-8",
    sends: [unary(1, field(5, "fffe80"))],
    outcome: { refuses: 1, code: "INVALID", saying: /./ },
  },
  {
    threat: 40,
    name: "a route of 32 KiB, which isn't said back",
    sends: [request(route("x".repeat(30_000), "", SERVICE))],
    outcome: { refuses: 1, code: "APPLICATION_ERROR", saying: /^.{1,1024}$/ },
  },
];

// Field 6 has another type: its bytes are unknown, and nobody looks into them.
function nested(depth: number): string {
  let content = "";
  for (let i = 0; i < depth; i++) content = field(4, content);
  return field(9, content);
}
