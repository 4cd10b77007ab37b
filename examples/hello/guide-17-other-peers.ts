// SPDX-License-Identifier: Apache-2.0
// The code of docs/guide/17-other-peers.md.

import { implementTicker, unimplementedTicker } from "./gen/ticker_rsocket.js";

const ticker = implementTicker({ ...unimplementedTicker, last: ({ name }) => ({ symbol: name, price: 42 }) });

// #region serve
import { rsocketGo, rsocketRust } from "rsocket-rpc/compat";
import { serve } from "rsocket-rpc/node";

const server = await serve("tcp://127.0.0.1:0", {
  services: [ticker],
  compatibility: { ...rsocketGo, ...rsocketRust },
});
// #endregion
await server.close();
