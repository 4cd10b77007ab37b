// SPDX-License-Identifier: Apache-2.0
// Runs the cases through a door, by import: node client.mjs node|web URL.

import { runCases } from "./cases.mjs";
import * as generated from "./gen/ticker_rsocket.js";

const [door, url] = globalThis.process.argv.slice(2);
await runCases({ runtime: await import(`rsocket-rpc/${door}`), generated, url });
