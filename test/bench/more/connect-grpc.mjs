// SPDX-License-Identifier: Apache-2.0
// Contestant: the gRPC protocol as connect-node speaks it, over HTTP/2 without TLS, one session, every option at its default.
import { createGrpcTransport } from "@connectrpc/connect-node";
import { createContestant } from "./connect-node.mjs";

export default createContestant((baseUrl) => createGrpcTransport({ baseUrl }));
