// SPDX-License-Identifier: Apache-2.0
// A server's connection and any client.

import { ConnectionWorld } from "../connection-world.js";

export function run(input: Uint8Array): void {
  new ConnectionWorld("server", input).run();
}
