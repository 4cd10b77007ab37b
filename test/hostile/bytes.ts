// SPDX-License-Identifier: Apache-2.0
// Frames and messages as an attacker writes them: by hand, in hex, without our encoder.

import { Flag, FrameType as Type } from "../../runtime/src/frames/layout.js";
import { hex, textHex, uint } from "../support/frames-dsl.js";

export { Flag, Type };

/** Stream id, type and flags. */
export function header(streamId: number, type: number, flags = 0): string {
  return uint(streamId >>> 0, 4) + uint((type << 10) | flags, 2);
}

/** Fields of SETUP that differ from a sound one; each in hex. */
export interface SetupFields {
  readonly streamId?: number;
  readonly flags?: number;
  readonly version?: string;
  readonly keepalive?: string;
  readonly lifetime?: string;
  readonly token?: string;
  readonly mimeTypes?: string;
  readonly rest?: string;
}

const BINARY = `18${textHex("application/octet-stream")}`;

/** SETUP as plain RSocket clients send it. */
export function setup(fields: SetupFields = {}): string {
  const { streamId = 0, flags = 0, token } = fields;
  return hex`
    ${header(streamId, Type.SETUP, flags | (token === undefined ? 0 : Flag.RESUME_ENABLE))}
    ${fields.version ?? "0001 0000"}       // 1.0
    ${fields.keepalive ?? "00004e20"}      // 20 s
    ${fields.lifetime ?? "000007d0"}       // 2 s: who is gone is noticed soon
    ${token === undefined ? "" : uint(token.length / 2, 2) + token}
    ${fields.mimeTypes ?? BINARY + BINARY}
    ${fields.rest ?? ""}
  `;
}

/** The service that is attacked. */
export const SERVICE = "rsocket.interop.v1.TestService";

/** RPC metadata v1: version, service, method, an empty tracing map, `rest`. */
export function route(method: string, rest = "", service = SERVICE): string {
  return hex`
    0001
    ${sized(textHex(service))}
    ${sized(textHex(method))}
    0000
    ${rest}
  `;
}

/** What stands behind a header with M: the length of the metadata, the metadata, the data. */
export function body(metadata: string, data = ""): string {
  return uint(metadata.length / 2, 3) + metadata + data;
}

/** REQUEST_RESPONSE of UnaryCall, or of `method`. */
export function unary(streamId: number, message = "", method = "UnaryCall", flags = 0): string {
  return header(streamId, Type.REQUEST_RESPONSE, Flag.METADATA | flags) + body(route(method), message);
}

/** REQUEST_FNF of FireAndForget. */
export function fireAndForget(streamId: number, message = ""): string {
  return header(streamId, Type.REQUEST_FNF, Flag.METADATA) + body(route("FireAndForget"), message);
}

/** REQUEST_STREAM of ServerStream. */
export function stream(streamId: number, n: number, message = "", flags = 0): string {
  return (
    header(streamId, Type.REQUEST_STREAM, Flag.METADATA | flags) + uint(n, 4) + body(route("ServerStream"), message)
  );
}

/** REQUEST_CHANNEL of BidiStream, or of `method`. */
export function channel(streamId: number, n: number, message = "", method = "BidiStream", flags = 0): string {
  return header(streamId, Type.REQUEST_CHANNEL, Flag.METADATA | flags) + uint(n, 4) + body(route(method), message);
}

/** PAYLOAD without metadata. */
export function payload(streamId: number, data: string, flags: number = Flag.NEXT): string {
  return header(streamId, Type.PAYLOAD, flags) + data;
}

/** REQUEST_N. */
export function requestN(streamId: number, n: number): string {
  return header(streamId, Type.REQUEST_N) + uint(n >>> 0, 4);
}

/** CANCEL. */
export function cancel(streamId: number): string {
  return header(streamId, Type.CANCEL);
}

/** ERROR with a text. */
export function error(streamId: number, code: number, text = ""): string {
  return header(streamId, Type.ERROR) + uint(code, 4) + textHex(text);
}

/** KEEPALIVE that wants an answer. */
export function keepalive(data = "", flags: number = Flag.RESPOND, position = "0000000000000000"): string {
  return header(0, Type.KEEPALIVE, flags) + position + data;
}

/** RESUME with a token, what of the server was seen and what of the client is kept. */
export function resume(token: string, seen: number, kept: number): string {
  return hex`
    ${header(0, Type.RESUME)}
    0001 0000                       // 1.0
    ${uint(token.length / 2, 2)} ${token}
    ${uint(seen, 8)}
    ${uint(kept, 8)}
  `;
}

/** A varint of protobuf. */
export function varint(value: number): string {
  let digits = "";
  let rest = value;
  while (rest > 0x7f) {
    digits += uint((rest % 0x80) | 0x80, 1);
    rest = Math.floor(rest / 0x80);
  }
  return digits + uint(rest, 1);
}

/** A field of a protobuf message that has a length: bytes, text, message, packed numbers. */
export function field(number: number, content: string): string {
  return varint(number * 8 + 2) + varint(content.length / 2) + content;
}

/** A field of a protobuf message that is a number. */
export function numberField(number: number, value: number): string {
  return varint(number * 8) + varint(value);
}

/** A SimpleRequest: `key` chooses what the handler does. */
export function simple(fields: { payload?: string; size?: number; delayMs?: number; key?: string }): string {
  return (
    (fields.payload === undefined ? "" : field(1, fields.payload)) +
    (fields.size === undefined ? "" : numberField(2, fields.size)) +
    (fields.delayMs === undefined ? "" : numberField(3, fields.delayMs)) +
    (fields.key === undefined ? "" : field(5, textHex(fields.key)))
  );
}

/** A StreamRequest: items of `size` bytes, `count` of them or without end. */
export function items(size: number, count = 0, intervalMs = 0): string {
  return (
    field(1, varint(size)) +
    (intervalMs === 0 ? "" : numberField(2, intervalMs)) +
    (count === 0 ? "" : numberField(3, count))
  );
}

function sized(digits: string): string {
  return uint(digits.length / 2, 2) + digits;
}
