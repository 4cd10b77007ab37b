// SPDX-License-Identifier: Apache-2.0
// Contestant: Connect's own protocol over HTTP/2 without TLS, one session, every option at its default.
import { createConnectTransport } from "@connectrpc/connect-node";
import { createContestant } from "./connect-node.mjs";

export default createContestant((baseUrl) =>
  createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: true }),
);
