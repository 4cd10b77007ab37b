// SPDX-License-Identifier: Apache-2.0
// Answers to requests that become nothing. A module of its own: declarations that users import name nothing of Node.

import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";

/** Answers with `status` and ends the connection; `headers` end with CR LF each. */
export function refuse(socket: Duplex, status: number, headers = ""): void {
  socket.on("error", () => socket.destroy());
  socket.once("finish", () => socket.destroy());
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n`;
  socket.end(`${head}${headers}\r\n`);
}
