// SPDX-License-Identifier: Apache-2.0
// A client's connection and any server.

import { ConnectionWorld } from "../connection-world.js";

export function run(input: Uint8Array): void {
  new ConnectionWorld("client", input).run();
}
