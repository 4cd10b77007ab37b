// SPDX-License-Identifier: Apache-2.0
// A worker that serves the page which made it: over itself, or over a port that the page sends.

import { type Interceptor, servePort } from "rsocket-rpc/web";
import { implementTicker } from "../../../examples/hello/gen/ticker_rsocket.js";
import { Log, tickerHandler } from "./quotes.js";

const services = [implementTicker(tickerHandler(new Log()))];
if (location.hash === "#port") self.onmessage = ({ data }) => void servePort(data as MessagePort, { services });
else if (location.hash === "#leaves") {
  const leave: Interceptor = (call, next) => {
    call.onEnd(() => setTimeout(() => self.close(), 10)); // when the answer was posted
    return next(call);
  };
  await servePort(self, { services, interceptors: [leave] });
} else await servePort(self, { services });
