// SPDX-License-Identifier: Apache-2.0
// The page's worker: it serves the page.

// #region worker
import { servePort } from "rsocket-rpc/web";
import { implementTicker, unimplementedTicker } from "../hello/gen/ticker_rsocket.js";

await servePort(self, {
  services: [
    implementTicker({
      ...unimplementedTicker,
      async upload(quotes) {
        let count = 0;
        for await (const _ of quotes) count++;
        return { count };
      },
    }),
  ],
});
// #endregion
