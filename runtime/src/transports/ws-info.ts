// SPDX-License-Identifier: Apache-2.0
// What a link over WebSocket knows of the other end, on both sides. A module of its own: declarations that users import
// name nothing of Node.

import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { LinkInfo, UpgradeRequest } from "../engine/link.js";
import { withCertificate } from "./certificates.js";
import { addressesOf } from "./node-servers.js";

/** @internal What is known of a WebSocket's other end; `upgrade` on the server. */
export function webSocketInfoOf(socket: Socket, upgrade?: UpgradeRequest): LinkInfo {
  const known = { ...addressesOf(socket), ...(upgrade === undefined ? {} : { upgrade }) };
  if (!(socket instanceof TLSSocket)) return { transport: "ws", ...known, isSecure: false };
  return withCertificate({ transport: "wss", ...known, isSecure: true }, socket);
}
