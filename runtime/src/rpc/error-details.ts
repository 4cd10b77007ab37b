// SPDX-License-Identifier: Apache-2.0
// Typed details of errors. Apart from RpcError, so that only who reads or writes them carries protobuf-es's reflection.

import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { ErrorDetail } from "../metadata/envelope.js";

const TYPE_URL_PREFIX = "type.googleapis.com/";

/**
 * A typed detail of an error.
 * @example
 * throw new RpcError(Code.InvalidArgument, "bad name", { details: [errorDetail(BadRequestSchema, { field: "name" })] });
 */
export function errorDetail<T extends DescMessage>(schema: T, init: MessageInitShape<T>): ErrorDetail {
  return { typeUrl: TYPE_URL_PREFIX + schema.typeName, value: toBinary(schema, create(schema, init)) };
}

/**
 * The details of one type that an RpcError came with, decoded; those that can't be decoded are left out.
 * @example
 * if (RpcError.is(error)) for (const { field } of findDetails(error, BadRequestSchema)) console.log(field);
 */
export function findDetails<T extends DescMessage>(
  error: { readonly details: readonly ErrorDetail[] },
  schema: T,
): MessageShape<T>[] {
  const found: MessageShape<T>[] = [];
  for (const { typeUrl, value } of error.details) {
    if (typeUrl.slice(typeUrl.lastIndexOf("/") + 1) !== schema.typeName) continue;
    try {
      found.push(fromBinary(schema, value));
    } catch {
      // A detail is an extra: one that is broken doesn't hide the error it belongs to.
    }
  }
  return found;
}
