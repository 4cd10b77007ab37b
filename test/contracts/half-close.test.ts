// SPDX-License-Identifier: Apache-2.0
// A client that ends its side of a TCP connection: what it asked for is answered, then the connection is closed.

import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import { expect } from "chai";
import { fromHex, toHex } from "rsocket-rpc/frames";
import { type Server, serve } from "rsocket-rpc/node";
import { implementTicker, unimplementedTicker } from "../../examples/hello/gen/ticker_rsocket.js";

// Each frame with its 24-bit length.
const SETUP =
  "000038 00000000 0400 0001 0000 00004e20 00015f90 12 6170706c69636174696f6e2f62696e617279 12 6170706c69636174696f6e2f62696e617279";
const LAST_ACME = "000029 00000001 1100 00001a 0001 000e 64656d6f2e76312e5469636b6572 0004 4c617374 0000 0a0441434d45";
// PAYLOAD[N C] on stream 1: Quote{ACME, 42}.
const ANSWER = "000015000000012860" + "0a0441434d45110000000000004540";

async function conversation(server: Server, sent: string): Promise<string> {
  const socket = connectSocket({
    port: Number(new URL(server.urls[0] ?? "").port),
    host: "127.0.0.1",
    allowHalfOpen: true,
  });
  const received: Uint8Array[] = [];
  socket.on("data", (chunk) => received.push(chunk));
  socket.end(fromHex(sent));
  await once(socket, "close");
  return toHex(Buffer.concat(received));
}

describe("a FIN of the client", () => {
  let server: Server;
  let release: (() => void) | undefined;

  beforeEach(async () => {
    server = await serve("tcp://127.0.0.1:0", {
      services: [
        implementTicker({
          ...unimplementedTicker,
          last: async ({ name }) => {
            await new Promise<void>((resolve) => {
              release = resolve;
              setImmediate(resolve);
            });
            return { symbol: name, price: 42 };
          },
        }),
      ],
    });
  });

  afterEach(() => server.close());

  it("right behind a request lets its handler answer, then closes (FRM-06)", async () => {
    expect(await conversation(server, SETUP + LAST_ACME)).to.equal(ANSWER);
    expect(server.connectionCount).to.equal(0);
    expect(release).to.not.equal(undefined);
  });

  it("behind SETUP alone closes at once", async () => {
    expect(await conversation(server, SETUP)).to.equal("");
  });

  it("in the middle of a frame closes at once", async () => {
    expect(await conversation(server, SETUP + LAST_ACME.slice(0, 40))).to.equal("");
  });
});
