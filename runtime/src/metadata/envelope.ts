// SPDX-License-Identifier: Apache-2.0
// The message `rsocket.rpc.v1.Envelope` (proto/rsocket/rpc/v1/envelope.proto) and how it is written: by hand, so that
// a client in a browser needs no reflection for it. Reading is in envelope-reader.ts.

import {
  bytesFieldBytes,
  fieldBytes,
  int32Bytes,
  textFieldBytes,
  varintBytes,
  WireType,
  writeBytesField,
  writeFieldStart,
  writeInt32,
  writeTextField,
  writeVarint,
} from "./protobuf-writer.js";

/** All that rsocket-rpc v1 has no place for. Each field is optional; where it doesn't belong it is ignored. */
export interface Envelope {
  /** SETUP, and the server's METADATA_PUSH. */
  readonly hello?: Hello | undefined;
  /** Request: what is left of the deadline, in milliseconds, 0 … 2^32-1. 0 is over already; absent is no deadline. */
  readonly timeoutMs?: number | undefined;
  /** REQUEST_CHANNEL that opens a call without a message. */
  readonly noMessage?: boolean | undefined;
  /** SETUP, request, first PAYLOAD of an answer; ERROR in its place. */
  readonly headers?: readonly Header[] | undefined;
  /** Last PAYLOAD of an answer, ERROR. */
  readonly trailers?: readonly Header[] | undefined;
  /** ERROR. */
  readonly status?: Status | undefined;
}

/** What a peer says of itself. */
export interface Hello {
  /** 1; a higher one also understands all of 1. */
  readonly version: number;
  /** A bit set; no bit is defined. */
  readonly features?: number | undefined;
  /** For logs only. */
  readonly agent?: string | undefined;
}

/** One header as it is on the wire; its rules are in headers.ts. */
export interface Header {
  readonly key: string;
  readonly value: Uint8Array;
}

/** Why a call failed: the bytes of `google.rpc.Status`. */
export interface Status {
  /** A canonical code; an int32. */
  readonly code: number;
  readonly message: string;
  readonly details: readonly ErrorDetail[];
}

/** A typed detail of an error: `google.protobuf.Any`. */
export interface ErrorDetail {
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

/** The field numbers of the .proto. */
export const EnvelopeField = { HELLO: 1, TIMEOUT_MS: 2, NO_MESSAGE: 3, HEADERS: 4, TRAILERS: 5, STATUS: 6 } as const;
/** The field numbers of `Hello`. */
export const HelloField = { VERSION: 1, FEATURES: 2, AGENT: 3 } as const;
/** The field numbers of `Header` and of `google.protobuf.Any`: a text and bytes. */
export const PairField = { TEXT: 1, VALUE: 2 } as const;
/** The field numbers of `Status`. */
export const StatusField = { CODE: 1, MESSAGE: 2, DETAILS: 3 } as const;

/** The bytes of an Envelope. @throws RangeError as `envelopeBytes`. */
export function encodeEnvelope(envelope: Envelope): Uint8Array {
  const target = new Uint8Array(envelopeBytes(envelope));
  writeEnvelope(envelope, target, 0);
  return target;
}

/** How many bytes `writeEnvelope` writes. @throws RangeError naming a number that its field can't hold. */
export function envelopeBytes({ hello, timeoutMs, noMessage, headers, trailers, status }: Envelope): number {
  let byteLength = 0;
  if (hello !== undefined) byteLength += fieldBytes(helloBytes(hello));
  if (timeoutMs !== undefined) byteLength += 1 + varintBytes(checkUint32("timeoutMs", timeoutMs));
  if (noMessage === true) byteLength += 2;
  if (headers !== undefined) byteLength += headersBytes(headers);
  if (trailers !== undefined) byteLength += headersBytes(trailers);
  if (status !== undefined) byteLength += fieldBytes(statusBytes(status));
  return byteLength;
}

/** Writes an Envelope that `envelopeBytes` has accepted, fields in the order of their numbers; returns the offset behind it. */
export function writeEnvelope(envelope: Envelope, target: Uint8Array, offset: number): number {
  const { hello, timeoutMs, noMessage, headers, trailers, status } = envelope;
  let at = offset;
  if (hello !== undefined) at = writeHello(hello, target, at);
  if (timeoutMs !== undefined) {
    target[at] = tag(EnvelopeField.TIMEOUT_MS, WireType.VARINT);
    at = writeVarint(target, at + 1, timeoutMs);
  }
  if (noMessage === true) {
    target[at] = tag(EnvelopeField.NO_MESSAGE, WireType.VARINT);
    target[at + 1] = 1;
    at += 2;
  }
  if (headers !== undefined) at = writeHeaders(headers, EnvelopeField.HEADERS, target, at);
  if (trailers !== undefined) at = writeHeaders(trailers, EnvelopeField.TRAILERS, target, at);
  return status === undefined ? at : writeStatus(status, target, at);
}

function helloBytes({ version, features = 0, agent = "" }: Hello): number {
  const versionBytes = checkUint32("hello.version", version) === 0 ? 0 : 1 + varintBytes(version);
  const featuresBytes = checkUint32("hello.features", features) === 0 ? 0 : 1 + varintBytes(features);
  return versionBytes + featuresBytes + textFieldBytes(agent);
}

function headersBytes(headers: readonly Header[]): number {
  let byteLength = 0;
  for (const { key, value } of headers) byteLength += fieldBytes(pairBytes(key, value));
  return byteLength;
}

function pairBytes(text: string, value: Uint8Array): number {
  return textFieldBytes(text) + bytesFieldBytes(value);
}

function statusBytes({ code, message, details }: Status): number {
  if (code !== (code | 0)) throw new RangeError(`status.code is ${code}, expected an int32`);
  let byteLength = (code === 0 ? 0 : 1 + int32Bytes(code)) + textFieldBytes(message);
  for (const { typeUrl, value } of details) byteLength += fieldBytes(pairBytes(typeUrl, value));
  return byteLength;
}

function writeHello(hello: Hello, target: Uint8Array, offset: number): number {
  const { version, features = 0, agent = "" } = hello;
  let at = writeFieldStart(target, offset, EnvelopeField.HELLO, helloBytes(hello));
  if (version !== 0) {
    target[at] = tag(HelloField.VERSION, WireType.VARINT);
    at = writeVarint(target, at + 1, version);
  }
  if (features !== 0) {
    target[at] = tag(HelloField.FEATURES, WireType.VARINT);
    at = writeVarint(target, at + 1, features);
  }
  return writeTextField(target, at, HelloField.AGENT, agent);
}

function writeHeaders(headers: readonly Header[], fieldNumber: number, target: Uint8Array, offset: number): number {
  let at = offset;
  for (const { key, value } of headers) at = writePair(key, value, fieldNumber, target, at);
  return at;
}

function writePair(text: string, value: Uint8Array, fieldNumber: number, target: Uint8Array, offset: number): number {
  let at = writeFieldStart(target, offset, fieldNumber, pairBytes(text, value));
  at = writeTextField(target, at, PairField.TEXT, text);
  return writeBytesField(target, at, PairField.VALUE, value);
}

function writeStatus(status: Status, target: Uint8Array, offset: number): number {
  const { code, message, details } = status;
  let at = writeFieldStart(target, offset, EnvelopeField.STATUS, statusBytes(status));
  if (code !== 0) {
    target[at] = tag(StatusField.CODE, WireType.VARINT);
    at = writeInt32(target, at + 1, code);
  }
  at = writeTextField(target, at, StatusField.MESSAGE, message);
  for (const { typeUrl, value } of details) at = writePair(typeUrl, value, StatusField.DETAILS, target, at);
  return at;
}

function tag(fieldNumber: number, wireType: number): number {
  return (fieldNumber << 3) | wireType;
}

function checkUint32(name: string, value: number): number {
  if (value === value >>> 0) return value;
  throw new RangeError(`${name} is ${value}, expected a whole number 0 … ${0xffffffff}`);
}
