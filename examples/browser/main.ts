// SPDX-License-Identifier: Apache-2.0
// A page one can open, and the server that it calls: npm start -w example-browser, after npm run generate.

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { serve } from "rsocket-rpc/node";
import { createAlertsClient, implementTicker, unimplementedTicker } from "../hello/gen/ticker_rsocket.js";

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

// #region bundle
const { outputFiles } = await build({
  entryPoints: [here("page.ts"), here("worker.ts"), here("frame.ts"), here("small.ts")],
  outdir: "/",
  bundle: true,
  format: "esm",
  write: false,
});
// #endregion
const scripts = new Map(outputFiles.map(({ path, text }) => [path.slice(path.lastIndexOf("/")), text]));

const FRAME = `<!doctype html><title>a frame</title><script type="module" src="/frame.js"></script>`;
const pages = createServer((request, response) => {
  const { pathname } = new URL(request.url ?? "/", "http://localhost");
  const script = scripts.get(pathname);
  if (script !== undefined) response.writeHead(200, { "content-type": "text/javascript" }).end(script);
  else if (pathname === "/") response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(html());
  else if (pathname === "/small") response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(small());
  else if (pathname === "/frame") response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(FRAME);
  else response.writeHead(404).end();
});
pages.listen(Number(process.env["PORT"] ?? 8080), "127.0.0.1");
await once(pages, "listening");
const origin = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;

// #region server
const server = await serve("ws://127.0.0.1:0/rpc", {
  allowedOrigins: [origin], // the page's; without it a page must come from the host that it connects to
  services: [
    implementTicker({
      ...unimplementedTicker,
      last: ({ name }) => ({ symbol: name, price: 42 }),
      async *watch({ name }) {
        for (let price = 100; ; price += Math.random() - 0.5) {
          yield { symbol: name, price };
          await sleep(100);
        }
      },
      async *chat(lines, { connection }) {
        for await (const { text } of lines) {
          yield { text: `you said: ${text}` };
          await createAlertsClient(connection).notify({ text: "the server calls the page" });
        }
      },
    }),
  ],
});
// #endregion
console.log(`open ${origin}`);

function html(): string {
  return `<!doctype html>
<meta charset="utf-8"><title>rsocket-rpc in a page</title><link rel="icon" href="data:,">
<p>Price of ACME: <output id="price"></output> <button id="stop">Stop</button>
<form><input id="line" value="hello"><button>Say</button></form>
<p>In a worker: <output id="worker"></output>
<p>In a frame: <output id="widget"></output> <iframe id="frame" src="/frame" hidden></iframe>
<pre id="log"></pre>
${script("page")}
`;
}

function small(): string {
  return `<!doctype html><title>a small page</title><link rel="icon" href="data:,"><body>${script("small")}`;
}

function script(name: string): string {
  const rpcUrl = JSON.stringify(server.urls[0]);
  return `<script>globalThis.rpcUrl = ${rpcUrl};</script><script type="module" src="/${name}.js"></script>`;
}
