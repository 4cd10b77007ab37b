// SPDX-License-Identifier: Apache-2.0
// The page in the frame: it serves the page around it, and nobody else.

// #region frame
import { portFromParent, servePort } from "rsocket-rpc/web";
import { implementTicker, unimplementedTicker } from "../hello/gen/ticker_rsocket.js";

const appOrigin = location.origin; // here the same site; otherwise "https://app.example.com"
await servePort(await portFromParent(appOrigin), {
  services: [implementTicker({ ...unimplementedTicker, last: ({ name }) => ({ symbol: name, price: 7 }) })],
});
// #endregion
