// SPDX-License-Identifier: Apache-2.0
// How a request names its rpc: RPC metadata v1, the format of all rsocket-rpc peers, and the routing entry of `composite` mode.
//
//   u16 version = 1 | u16 length + service | u16 length + method | u16 length + tracing map | the rest: user metadata

import { readUint16, writeBytes, writeUint16 } from "../bytes/integers.js";
import { decodeUtf8, encodeUtf8Into, utf8ByteLength } from "../bytes/utf8.js";
import { MetadataFormatError, quote } from "./errors.js";
import { encodeRoutingEntry } from "./routing.js";

const VERSION = 1;
const LENGTH_BYTES = 2;
/** Version and the lengths of service and method. */
const FIXED_ROUTE_BYTES = 3 * LENGTH_BYTES;
/** Java and Kotlin read the lengths as signed: a larger part is never sent. */
export const MAX_RPC_PART_BYTES = 0x7fff;
const NO_BYTES = new Uint8Array(0);

/** The parts of RPC metadata v1. */
export interface RpcMetadataParts {
  /** The service's full protobuf name. */
  readonly service: string;
  /** The method's name as written in the .proto. */
  readonly method: string;
  /** An encoded tracing map. */
  readonly tracing?: Uint8Array | undefined;
  /** Bytes of the application. */
  readonly user?: Uint8Array | undefined;
}

/** RPC metadata v1 as it was read; the offsets are those of the bytes that were given. */
export interface RpcMetadata {
  readonly service: string;
  readonly method: string;
  /** The offset behind the method. */
  readonly routeEnd: number;
  readonly tracingStart: number;
  readonly tracingEnd: number;
  readonly userStart: number;
  readonly userEnd: number;
}

/** RPC metadata v1, freshly allocated. @throws RangeError naming a part above 32,767 bytes; user metadata may be longer. */
export function encodeRpcMetadata({
  service,
  method,
  tracing = NO_BYTES,
  user = NO_BYTES,
}: RpcMetadataParts): Uint8Array {
  const serviceBytes = checkPart("service", utf8ByteLength(service), service);
  const methodBytes = checkPart("method", utf8ByteLength(method), method);
  checkTracing(tracing);
  const bytes = new Uint8Array(
    FIXED_ROUTE_BYTES + serviceBytes + methodBytes + LENGTH_BYTES + tracing.length + user.length,
  );
  let at = writeUint16(bytes, 0, VERSION);
  at = encodeUtf8Into(service, bytes, writeUint16(bytes, at, serviceBytes));
  at = encodeUtf8Into(method, bytes, writeUint16(bytes, at, methodBytes));
  at = writeBytes(bytes, writeUint16(bytes, at, tracing.length), tracing);
  writeBytes(bytes, at, user);
  return bytes;
}

/**
 * The metadata of a bare call in `rpc` mode: no tracing, no user metadata. The same for each call of a method, so it is
 * encoded once; `encodeRequestMetadata` builds the others from it.
 * @throws RangeError naming a part above 32,767 bytes.
 */
export function encodeRpcRoute(service: string, method: string): Uint8Array {
  return encodeRpcMetadata({ service, method });
}

/** The routing entry of a call in `composite` mode: `service.method`. @throws RangeError when that is above 255 bytes. */
export function encodeCompositeRoute(service: string, method: string): Uint8Array {
  return encodeRoutingEntry([`${service}.${method}`]);
}

/** A route of `composite` mode, taken apart: `service.method`, or `service/method` with or without a leading slash. */
export function splitRoute(route: string): { readonly service: string; readonly method: string } {
  const start = route.startsWith("/") ? 1 : 0;
  const slash = route.lastIndexOf("/");
  const separator = slash >= start ? slash : route.lastIndexOf(".");
  // A route without a separator names no service; the router answers it like any other that it doesn't know.
  if (separator < start) return { service: "", method: route.slice(start) };
  return { service: route.slice(start, separator), method: route.slice(separator + 1) };
}

/** Refuses a tracing map that old peers couldn't read. @throws RangeError */
export function checkTracing(tracing: Uint8Array): void {
  checkPart("tracing map", tracing.length);
}

/**
 * The offset behind the method of `bytes[start, end)`, or -1 when they are no RPC metadata v1 up to there. Nothing is
 * decoded: a router may look up the bytes from `start` on as they are, the same for each call of a method.
 */
export function rpcRouteEnd(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < FIXED_ROUTE_BYTES || bytes[start] !== 0 || bytes[start + 1] !== VERSION) return -1;
  const methodStart = start + 2 * LENGTH_BYTES + readUint16(bytes, start + LENGTH_BYTES);
  if (methodStart + LENGTH_BYTES > end) return -1;
  const routeEnd = methodStart + LENGTH_BYTES + readUint16(bytes, methodStart);
  return routeEnd <= end ? routeEnd : -1;
}

/**
 * The offset where user metadata begins, from the one behind the method; -1 when the tracing map is cut off. A frame
 * that ends right after the method is whole: the old JS client sends it so.
 */
export function rpcUserStart(bytes: Uint8Array, routeEnd: number, end: number): number {
  if (routeEnd === end) return end;
  const userStart = routeEnd + LENGTH_BYTES + readUint16(bytes, routeEnd);
  return routeEnd + LENGTH_BYTES <= end && userStart <= end ? userStart : -1;
}

/** Reads RPC metadata v1 from `bytes[start, end)`. @throws MetadataFormatError for any other version and when it is cut off. */
export function readRpcMetadata(bytes: Uint8Array, start = 0, end: number = bytes.length): RpcMetadata {
  const routeEnd = rpcRouteEnd(bytes, start, end);
  if (routeEnd < 0) throw routeFault(bytes, start, end);
  const userStart = rpcUserStart(bytes, routeEnd, end);
  if (userStart < 0) throw tracingFault(routeEnd);
  const serviceStart = start + 2 * LENGTH_BYTES;
  const serviceEnd = serviceStart + readUint16(bytes, start + LENGTH_BYTES);
  return {
    service: decodeUtf8(bytes, serviceStart, serviceEnd),
    method: decodeUtf8(bytes, serviceEnd + LENGTH_BYTES, routeEnd),
    routeEnd,
    tracingStart: Math.min(routeEnd + LENGTH_BYTES, userStart),
    tracingEnd: userStart,
    userStart,
    userEnd: end,
  };
}

/**
 * True when rsocket-rpc-java 0.3.0 may take the frame for composite metadata: it reads the version as an entry whose
 * length is the service's length and first letter, and looks for a frame that is at least so long. Worth a warning.
 * @param serviceBytes the length of the service's name in bytes
 * @param moreBytes tracing map and user metadata together
 */
export function mayReadAsComposite(serviceBytes: number, moreBytes: number): boolean {
  return moreBytes >= 5 + 256 * serviceBytes;
}

/** @internal The tracing map behind `routeEnd` isn't whole. */
export function tracingFault(routeEnd: number): MetadataFormatError {
  return new MetadataFormatError("RPC metadata is cut off in its tracing map", "u16 length + tracing map", routeEnd);
}

function routeFault(bytes: Uint8Array, start: number, end: number): MetadataFormatError {
  if (end - start < LENGTH_BYTES) {
    return new MetadataFormatError(`RPC metadata of ${end - start} bytes`, "version, service and method", start);
  }
  const version = readUint16(bytes, start);
  if (version !== VERSION) return new MetadataFormatError(`RPC metadata has version ${version}`, `${VERSION}`, start);
  return new MetadataFormatError(
    "RPC metadata is cut off in its route",
    "u16 length + service, u16 length + method",
    start,
  );
}

function checkPart(part: string, byteLength: number, text?: string): number {
  if (byteLength <= MAX_RPC_PART_BYTES) return byteLength;
  const name = text === undefined ? part : `${part} ${quote(text)}`;
  throw new RangeError(`the ${name} has ${byteLength} bytes, expected at most ${MAX_RPC_PART_BYTES}`);
}
