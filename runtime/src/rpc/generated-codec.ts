// SPDX-License-Identifier: Apache-2.0
// A codec around the two functions that the plugin generates for a message type.

import { pathOfFault } from "../codec/explain.js";
import { RefusedValue } from "../codec/faults.js";
import type { ReadFields } from "../codec/read-fields.js";
import { MessageReader, NO_BYTES } from "../codec/reader.js";
import type { WriteFields } from "../codec/write-fields.js";
import { forEachPiece, MessageWriter } from "../codec/writer.js";
import type { Codec } from "./codec.js";

// Decoding calls nobody who could decode meanwhile.
const reader = /*@__PURE__*/ new MessageReader();

/**
 * The codec of the message type `typeName`: `write` writes fields, `read` reads them. What it reads is what protobuf-es
 * reads, and it takes what protobuf-es's create() takes.
 */
export function generatedCodec<T, Init>(typeName: string, write: WriteFields, read: ReadFields): Codec<T, Init> {
  function writeTo(value: Init, writer: MessageWriter): void {
    try {
      write(writer, value, false);
    } catch (error) {
      throw explained(error, typeName, value, write);
    }
  }
  return {
    typeName,
    write: writeTo,
    encode(value, sink) {
      const writer = new MessageWriter();
      writeTo(value, writer);
      forEachPiece(writer, (piece) => sink.push(piece));
    },
    decode(bytes, discardUnknownFields) {
      reader.begin(bytes, discardUnknownFields);
      try {
        return read(reader) as T;
      } catch (error) {
        if (error instanceof RangeError) throw new RangeError(`not a ${typeName}: ${error.message}`);
        throw error;
      } finally {
        reader.bytes = NO_BYTES; // lets go of them
      }
    },
  };
}

/** Which field was refused, if one was. */
function explained(error: unknown, typeName: string, message: unknown, write: WriteFields): unknown {
  // Another TypeError is of a value that can't be converted: an object without a prototype where a number is expected.
  if (!(error instanceof TypeError)) return error;
  const text = `${typeName}${pathOfFault(message, write)}: ${error.message}`;
  return new TypeError(text, error instanceof RefusedValue ? undefined : { cause: error });
}
