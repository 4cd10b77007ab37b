// SPDX-License-Identifier: Apache-2.0
// A sync service for PowerSync's client, on the payload level: the case sync_three_rows. Three rows of one bucket, in BSON.
//
//   npx tsx server.ts --listen ws://127.0.0.1:0/sync/stream

import { parseArgs } from "node:util";
import { listenWs } from "rsocket-rpc/node";
import { ErrorCode, type Responder, SetupRejection, type StreamHandle, serveRSocket } from "rsocket-rpc/rsocket";
import { type BsonValue, encodeBson } from "./bson.js";

const TOKEN = "Token a-token";
const BUCKET = "global[]";
const PATH = "/sync/stream";
const ROWS = ["row 1", "row 2", "row 3"];
const FIRST_CHECKSUM = 1_000;

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const json = (bytes: Uint8Array | undefined): unknown => JSON.parse(new TextDecoder().decode(bytes));

const { listen } = parseArgs({ options: { listen: { type: "string", multiple: true, default: [] } } }).values;
const server = await serveRSocket({
  listeners: listen.map((url) => {
    const { hostname, port } = new URL(url);
    return (onLink) => listenWs({ host: hostname, port: Number(port), path: PATH }, onLink);
  }),
  accept({ metadataMimeType, metadata }) {
    if (metadataMimeType !== "application/json") throw new SetupRejection(`metadata is ${metadataMimeType}`);
    const { token } = json(metadata) as { readonly token?: unknown };
    if (token !== TOKEN) throw new SetupRejection("unknown token");
    return { requestStream: sync };
  },
});
for (const url of server.urls) console.log(`LISTENING ${url}`);
process.on("SIGTERM", () => void server.close());

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
