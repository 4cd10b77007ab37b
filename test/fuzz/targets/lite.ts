// SPDX-License-Identifier: Apache-2.0
// A client of `rsocket-rpc/lite` and any server.

import { LiteWorld } from "../lite-world.js";

export async function run(input: Uint8Array): Promise<void> {
  await new LiteWorld(input).run();
}
