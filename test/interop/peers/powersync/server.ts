// SPDX-License-Identifier: Apache-2.0
// Serves PowerSync's client over WebSocket: the case sync_three_rows.
//
//   npx tsx server.ts --listen ws://127.0.0.1:0/sync/stream

import { parseArgs } from "node:util";
import { listenWs } from "rsocket-rpc/node";
import { serveRSocket } from "rsocket-rpc/rsocket";
import { accept, PATH } from "./sync.js";

const { listen } = parseArgs({ options: { listen: { type: "string", multiple: true, default: [] } } }).values;
const server = await serveRSocket({
  listeners: listen.map((url) => {
    const { hostname, port } = new URL(url);
    return (onLink) => listenWs({ host: hostname, port: Number(port), path: PATH }, onLink);
  }),
  accept,
});
for (const url of server.urls) console.log(`LISTENING ${url}`);
process.on("SIGTERM", () => void server.close());
