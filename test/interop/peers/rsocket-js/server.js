// SPDX-License-Identifier: Apache-2.0
// TestService on rsocket-js: node server.js --listen URL [--listen URL] [--resume] [--mtu N], until SIGTERM.

import { Server } from "node:net";
import { parseArgs } from "node:util";
import { RSocketServer } from "rsocket-core";
import { TcpServerTransport } from "rsocket-tcp-server";
import { WebsocketServerTransport } from "rsocket-websocket-server";
import { WebSocketServer } from "ws";
import { ClientStub } from "./client-stub.js";
import { formatOf } from "./metadata.js";
import { responderOf } from "./responder.js";
import { testService } from "./service.js";

const SESSION_MS = 60_000;

const { values } = parseArgs({
  options: {
    listen: { type: "string", multiple: true },
    resume: { type: "boolean", default: false },
    // Taken and passed on, though this version of the driver forgets it.
    mtu: { type: "string" },
  },
});
const handlers = testService();
process.on("SIGTERM", () => process.exit(0));
for (const text of values.listen) {
  const url = new URL(text);
  const { transport, port } = transportFor(url);
  await new RSocketServer({
    transport,
    acceptor: {
      accept: async ({ metadataMimeType }, socket) => {
        const format = formatOf(metadataMimeType);
        return responderOf(handlers, format, new ClientStub(socket, format));
      },
    },
    ...(values.resume ? { resume: { sessionTimeout: SESSION_MS } } : {}),
    ...(values.mtu ? { fragmentation: { maxOutboundFragmentSize: Number(values.mtu) } } : {}),
  }).bind();
  url.port = port();
  console.log(`LISTENING ${url.protocol}//${url.host}${url.protocol === "ws:" ? url.pathname : ""}`);
}

// The driver doesn't tell the port that the system chose: the server that it listens with does.
function transportFor({ protocol, hostname, port }) {
  let server;
  const keep = (made) => {
    server = made;
    return made;
  };
  const transport =
    protocol === "ws:"
      ? new WebsocketServerTransport({
          wsCreator: () => keep(new WebSocketServer({ host: hostname, port: Number(port) })),
        })
      : new TcpServerTransport({
          listenOptions: { host: hostname, port: Number(port) },
          socketCreator: () => keep(new Server({ noDelay: true })),
        });
  return { transport, port: () => server.address().port };
}
