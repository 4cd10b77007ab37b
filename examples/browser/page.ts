// SPDX-License-Identifier: Apache-2.0
// The page: it watches a price, talks to the server, and has a worker and a frame of its own.

// #region channel
import { connectPort, createChannel, portToFrame } from "rsocket-rpc/web";
import { createTickerClient, implementAlerts } from "../hello/gen/ticker_rsocket.js";

const { rpcUrl } = globalThis as unknown as { readonly rpcUrl: string };
const channel = createChannel(rpcUrl, {
  services: [implementAlerts({ notify: ({ text }) => show(text) })], // the server calls the page
});
channel.onStateChange((state) => show(`channel: ${state}`));
const ticker = createTickerClient(channel);
// #endregion

// #region worker
const worker = new Worker(new URL("./worker.js", location.href), { type: "module" });
const inWorker = createTickerClient(await connectPort(worker));
element("worker").textContent = `${(await inWorker.upload([{ price: 40 }, { price: 2 }])).count} quotes counted`;
// #endregion

// #region frame
const { contentWindow } = element("frame") as HTMLIFrameElement;
if (contentWindow === null) throw new Error("the frame has no window");
const widgetOrigin = location.origin; // here the same site; otherwise "https://widgets.example.com"
const inFrame = createTickerClient(await connectPort(await portToFrame(contentWindow, widgetOrigin)));
element("widget").textContent = `${(await inFrame.last({ name: "ACME" })).price} in the frame`;
// #endregion

element("log")
  .closest("body")
  ?.querySelector("form")
  ?.addEventListener("submit", (event) => {
    event.preventDefault();
    void say((element("line") as HTMLInputElement).value);
  });

async function say(text: string): Promise<void> {
  for await (const answer of ticker.chat([{ text }])) show(answer.text);
}

// #region watch
const stopped = new AbortController();
element("stop").addEventListener("click", () => stopped.abort());
try {
  for await (const { price } of ticker.watch({ name: "ACME" }, { signal: stopped.signal })) {
    element("price").textContent = price.toFixed(2);
  }
} catch (error) {
  show(String(error)); // [cancelled] by the button, [unavailable] when the server went away
}
// #endregion

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no ${id}`);
  return found;
}

function show(line: string): void {
  element("log").append(`${line}\n`);
}
