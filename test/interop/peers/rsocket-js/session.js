// SPDX-License-Identifier: Apache-2.0
// The server as one case sees it: connections to it, directly or through a relay that can be cut.

import { connect, createServer } from "node:net";
import { RSocketConnector } from "rsocket-core";
import { TcpClientTransport } from "rsocket-tcp-client";
import { WebsocketClientTransport } from "rsocket-websocket-client";
import { WebSocket } from "ws";
import { ClientStub } from "./client-stub.js";
import { FORMATS } from "./metadata.js";

const KEEPALIVE = { keepAlive: 20_000, lifetime: 90_000 };
/** Of a frame: its length prefix and head are 9, the driver counts what is behind them. With 9 here and an mtu of 64 the
 *  metadata of BidiStream leaves one byte of the first fragment; the driver then takes three for requestN once more, and
 *  sends as many bytes as a negative end of `slice` gives. */
const HEAD_BYTES = 12;

export class Peer {
  #url;
  #sockets = [];
  #relays = [];

  constructor(options) {
    this.options = options;
    this.#url = new URL(options.url);
  }

  /** A connection of its own. `setup`: what the driver's connector takes beside. */
  connect(setup = {}) {
    return this.#open(this.#url, setup);
  }

  /** The same, and `cut` that takes the link away from both ends. */
  async connectCuttable(setup = {}) {
    const relay = await startRelay(this.#url);
    this.#relays.push(relay);
    return { ...(await this.#open(relay.url, setup)), cut: relay.cut };
  }

  close() {
    for (const socket of this.#sockets) socket.close();
    for (const relay of this.#relays) relay.close();
  }

  async #open(url, { responder, mtu = this.options.mtu, mode = this.options.mode, keepAlive, ...others }) {
    const format = FORMATS[mode];
    let closed = false;
    const connector = new RSocketConnector({
      setup: { ...KEEPALIVE, ...keepAlive, ...format.mimeTypes },
      transport: transportFor(url),
      ...(mtu === undefined ? {} : { fragmentation: { maxOutboundFragmentSize: mtu - HEAD_BYTES } }),
      ...(responder === undefined ? {} : { responder: responder(format) }),
      ...others,
    });
    const socket = await connector.connect();
    this.#sockets.push(socket);
    const ended = new Promise((resolve) => {
      socket.onClose((error) => {
        closed = true;
        resolve(error);
      });
    });
    return { socket, client: new ClientStub(socket, format), ended, isClosed: () => closed };
  }
}

function transportFor(url) {
  if (url.protocol === "ws:") {
    return new WebsocketClientTransport({ url: url.href, wsCreator: (href) => new WebSocket(href) });
  }
  return new TcpClientTransport({ connectionOptions: { host: url.hostname, port: Number(url.port), noDelay: true } });
}

async function startRelay(target) {
  const pairs = new Set();
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ host: target.hostname, port: Number(target.port), noDelay: true });
    const pair = [near, far];
    pairs.add(pair);
    for (const [from, to] of [pair, [far, near]]) {
      from.pipe(to);
      from.on("error", () => {});
      from.on("close", () => {
        to.destroy();
        pairs.delete(pair);
      });
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = new URL(target);
  url.port = server.address().port;
  const cut = () => {
    for (const [near, far] of pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  };
  return {
    url,
    cut,
    close() {
      cut();
      server.close();
    },
  };
}
