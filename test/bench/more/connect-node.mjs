// SPDX-License-Identifier: Apache-2.0
// What both contestants of connect-node share: the server speaks all protocols, the client the one of its transport.
import { createServer } from "node:http2";
import { createClient } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { service } from "../contestant.js";
import { Bench } from "../gen/bench_pb.js";

/** `createTransport` gets the server's base URL. */
export function createContestant(createTransport) {
  return { serve, connect: async (port) => connect(createTransport(`http://127.0.0.1:${port}`)) };
}

async function serve() {
  const { echo, download } = service;
  const routes = (router) => router.service(Bench, { echo, download });
  const server = createServer(connectNodeAdapter({ routes }));
  await new Promise((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  return { port: server.address().port, close: async () => server.close() };
}

function connect(transport) {
  const client = createClient(Bench, transport);
  return {
    echo: (request) => client.echo(request),
    download: (request) => client.download(request),
    close: async () => {},
  };
}
