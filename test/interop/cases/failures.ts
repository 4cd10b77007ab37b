// SPDX-License-Identifier: Apache-2.0
// Calls that fail: status_code_and_message, special_status_message, unimplemented_*, fail_mid_stream.

import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { expect } from "chai";
import { Code } from "rsocket-rpc";
import { callUnary, messageCodec, method } from "rsocket-rpc/codegen";
import { createUnimplementedServiceClient, TestServiceName } from "../../support/gen/interop_rsocket.js";
import { expectCode, expectStatus, failureOf } from "../checks.js";
import type { Peer, Session } from "../peer.js";

const MESSAGE = "test status message";
const SPECIAL_MESSAGE = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n";

const unknownMethod = method({
  service: TestServiceName,
  name: "UnimplementedCall",
  kind: "unary",
  interaction: "request_response",
  idempotency: "unknown",
  input: messageCodec(EmptySchema),
  output: messageCodec(EmptySchema),
});

/** Code and message of a handler's failure arrive, for one answer and for a stream of them. */
export async function statusCodeAndMessage(peer: Peer): Promise<void> {
  const { client, wire } = await peer.connect();
  const failWith = { code: Code.Unknown, message: MESSAGE };
  expectStatus(await failureOf(client.unaryCall({ failWith })), Code.Unknown, MESSAGE, wire);
  const streamed = failureOf(drain(client.bidiStream([{ failWith }])));
  expectStatus(await streamed, Code.Unknown, MESSAGE, wire);
  if (!wire.isOurs) return;
  // `unknown` is what a code that was lost would look like, too.
  for (const code of Object.values(Code)) {
    expectStatus(await failureOf(client.unaryCall({ failWith: { code, message: MESSAGE } })), code, MESSAGE, wire);
  }
}

/** White space, and characters of up to four bytes, arrive as they are. */
export async function specialStatusMessage(peer: Peer): Promise<void> {
  const { client, wire } = await peer.connect();
  const failWith = { code: Code.Unknown, message: SPECIAL_MESSAGE };
  expectStatus(await failureOf(client.unaryCall({ failWith })), Code.Unknown, SPECIAL_MESSAGE, wire);
}

/** The service is there, the method isn't. */
export async function unimplementedMethod(peer: Peer): Promise<void> {
  const session = await peer.connect();
  await expectUnimplemented(session, callUnary(session.connection, unknownMethod, {}, undefined));
}

/** Not even the service is there. */
export async function unimplementedService(peer: Peer): Promise<void> {
  const session = await peer.connect();
  const { unimplementedCall } = createUnimplementedServiceClient(session.connection);
  await expectUnimplemented(session, unimplementedCall({}));
}

/** Three messages come, and then the error. */
export async function failMidStream(peer: Peer): Promise<void> {
  const { client, wire } = await peer.connect();
  const failWith = { code: Code.Aborted, message: "after three" };
  let count = 0;
  const stream = async (): Promise<void> => {
    for await (const { payload } of client.serverStream({ sizes: [10, 20, 30, 40, 50], failAfter: 3, failWith })) {
      expect(payload.length, `size of message ${count}`).to.equal(10 * ++count);
    }
  };
  expectStatus(await failureOf(stream()), Code.Aborted, "after three", wire);
  expect(count, "messages before the error").to.equal(3);
}

// Some peers of other makes answer with a text that tells nothing: then nobody knows why the call failed.
async function expectUnimplemented({ wire }: Session, call: Promise<unknown>): Promise<void> {
  const error = await failureOf(call);
  if (wire.isOurs) expectCode(error, Code.Unimplemented);
  else expectCode(error, Code.Unimplemented, Code.Unknown);
}

async function drain(messages: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of messages);
}
