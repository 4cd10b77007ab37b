// SPDX-License-Identifier: Apache-2.0
// What travels beside messages: custom_metadata, raw for everybody and as headers for our own.

import { expect } from "chai";
import { Metadata } from "rsocket-rpc";
import { encodeCompositeEntry } from "../../../runtime/src/metadata/composite.js";
import { hexOf } from "../../support/frames-dsl.js";
import type { Peer, Session } from "../peer.js";

const RAW = Uint8Array.of(0x00, 0x01, 0xab, 0xff);
const HEADERS: readonly (readonly [string, string | Uint8Array])[] = [
  ["x-twice", "first"],
  ["x-text", "ä b"],
  ["x-data-bin", Uint8Array.of(0xab, 0xab, 0xab)],
  ["x-twice", "second"],
];

/** The handler sees raw metadata byte for byte; one of ours sees keys, order and bytes of headers. */
export async function customMetadata(peer: Peer): Promise<void> {
  const session = await peer.connect();
  await expectRaw(peer, session, RAW);
  await expectRaw(peer, session, new Uint8Array(0));
  if (session.wire.isOurs) await expectHeaders(session);
}

async function expectRaw({ mode }: Peer, { client }: Session, bytes: Uint8Array): Promise<void> {
  const isEntry = mode === "composite" && bytes.length > 0;
  const rawMetadata = isEntry ? encodeCompositeEntry("application/octet-stream", bytes) : bytes;
  const { requestMetadata } = await client.unaryCall({ payload: Uint8Array.of(1) }, { rawMetadata });
  expect(hexOf(requestMetadata), "metadata that the handler saw").to.equal(hexOf(bytes));
}

// Our server sends back what begins with x-, as headers and as trailers.
async function expectHeaders({ client }: Session): Promise<void> {
  let headers = new Metadata();
  let trailers = new Metadata();
  await client.unaryCall(
    {},
    {
      headers: HEADERS,
      onHeaders: (received) => {
        headers = received;
      },
      onTrailers: (received) => {
        trailers = received;
      },
    },
  );
  expect(asText(headers), "headers that the handler saw").to.deep.equal(asText(HEADERS));
  expect(asText(trailers), "trailers").to.deep.equal(asText(HEADERS));
}

function asText(pairs: Iterable<readonly [string, string | Uint8Array]>): string[] {
  return Array.from(pairs, ([key, value]) => `${key}: ${typeof value === "string" ? value : hexOf(value)}`);
}
