// SPDX-License-Identifier: Apache-2.0
// A page in a frame: it serves the page around it, or calls it, if that is of the origin behind the `#` of its address.

import { connectPort, portFromParent, servePort } from "rsocket-rpc/web";
import { createTickerClient, implementTicker } from "../../../examples/hello/gen/ticker_rsocket.js";
import { Log, tickerHandler } from "./quotes.js";

const [, origin = "", what] = location.hash.split("#");
const port = await portFromParent(origin);
if (what === "calls") {
  const ticker = createTickerClient(await connectPort(port));
  const { price } = await ticker.last({ name: "ACME" });
  await ticker.log({ text: `the frame got ${price}` });
} else await servePort(port, { services: [implementTicker(tickerHandler(new Log()))] });
