// SPDX-License-Identifier: Apache-2.0
// The sync service that PowerSync's client talks to, on the payload level: three rows of one bucket, in BSON.

import {
  ErrorCode,
  type Responder,
  type ServeRSocketOptions,
  SetupRejection,
  type StreamHandle,
} from "rsocket-rpc/rsocket";
import { type BsonValue, encodeBson } from "./bson.js";

/** Where it is. */
export const PATH = "/sync/stream";
const TOKEN = "Token a-token";
const BUCKET = "global[]";
const ROWS = ["row 1", "row 2", "row 3"];
const FIRST_CHECKSUM = 1_000;

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const json = (bytes: Uint8Array | undefined): unknown => JSON.parse(new TextDecoder().decode(bytes));

/** Lets clients in that know the token. */
export const accept: ServeRSocketOptions["accept"] = ({ metadataMimeType, metadata }) => {
  if (metadataMimeType !== "application/json") throw new SetupRejection(`metadata is ${metadataMimeType}`);
  const { token } = json(metadata) as { readonly token?: unknown };
  if (token !== TOKEN) throw new SetupRejection("unknown token");
  return { requestStream: sync };
};

const sync: NonNullable<Responder["requestStream"]> = ({ metadata, data }, stream) => {
  const { path } = json(metadata) as { readonly path?: unknown };
  if (path !== PATH) {
    stream.error(ErrorCode.APPLICATION_ERROR, text(`nothing is at ${String(path)}`));
    return undefined;
  }
  // A client that has all of it says up to where.
  const { buckets = [] } = json(data) as { readonly buckets?: readonly { readonly after: string }[] };
  const isKnown = buckets.some(({ after }) => after === String(ROWS.length));
  return sendAll(stream, isKnown ? [checkpoint(), COMPLETE] : [checkpoint(), rows(), COMPLETE]);
};

const COMPLETE: BsonValue = { checkpoint_complete: { last_op_id: String(ROWS.length) } };

// The stream stays open behind them: a client that is told its end connects again.
function sendAll(stream: StreamHandle, lines: readonly BsonValue[]): { onRequestN(): void; onWritable(): void } {
  let next = 0;
  const send = (): void => {
    for (let line = lines[next]; line !== undefined && stream.mayProduce; line = lines[++next]) {
      stream.next(encodeBson(line));
    }
  };
  send();
  return { onRequestN: send, onWritable: send };
}

function checkpoint(): BsonValue {
  const checksum = ROWS.reduce((sum, _, index) => sum + FIRST_CHECKSUM + index, 0);
  const bucket = {
    bucket: BUCKET,
    checksum,
    count: ROWS.length,
    priority: 3,
    subscriptions: [{ default: 0 }],
  };
  return {
    checkpoint: {
      last_op_id: String(ROWS.length),
      write_checkpoint: null,
      buckets: [bucket],
      streams: [{ name: "global", is_default: true, errors: [] }],
    },
  };
}

function rows(): BsonValue {
  const data = ROWS.map((name, index) => ({
    op_id: String(index + 1),
    op: "PUT",
    object_type: "lists",
    object_id: `id${index + 1}`,
    checksum: FIRST_CHECKSUM + index,
    subkey: null,
    data: JSON.stringify({ name }),
  }));
  return { data: { bucket: BUCKET, after: "0", has_more: false, next_after: String(ROWS.length), data } };
}
