// SPDX-License-Identifier: Apache-2.0
// Requests that no handler hears of: refused ones, and all of them where nothing is served.

import { ErrorCode } from "../rsocket/errors.js";
import type { Stream } from "../rsocket/sink.js";
import { Code } from "./code.js";
import { RpcError } from "./error.js";
import type { ServerCallHost } from "./server-call.js";
import type { RequestRouter } from "./service.js";
import { encodeErrorData } from "./status-codec.js";

/** Answers a request with `error`, in an Envelope when its sender or the connection's peer reads them. */
export function refuse(
  host: ServerCallHost,
  stream: Stream,
  error: RpcError,
  wireCode: number,
  readsEnvelopes: boolean,
): void {
  const { rsocket } = host.transport;
  host.onRefused(wireCode, error.rawMessage);
  stream.error(wireCode, encodeErrorData(error, readsEnvelopes || rsocket.peer.isOurs, rsocket.settings.limits));
}

/** Stands for a router where nothing is served. The text begins as peers of other makes expect it. */
export const noServices: RequestRouter = {
  dispatch(host, stream) {
    const error = new RpcError(Code.Unimplemented, "can not find service: this client serves none");
    refuse(host, stream, error, ErrorCode.APPLICATION_ERROR, false);
  },
  releaseHandler() {},
};
