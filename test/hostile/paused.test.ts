// SPDX-License-Identifier: Apache-2.0
// A server process that is stopped for a while, as a virtual machine is: clients that have spoken meanwhile live on.

import { expect } from "chai";
import { expectServed, sleep } from "./attack.js";
import { keepalive, setup } from "./bytes.js";
import { RawPeer, type TransportName } from "./raw-peer.js";
import { World } from "./world.js";

const TRANSPORTS: readonly TransportName[] = ["tcp", "tls", "ws"];

describe("a server process that is stopped for 3 s", function () {
  this.timeout(20_000);

  before(function () {
    if (process.platform === "win32") this.skip();
  });

  it("loses no client that has sent KEEPALIVE meanwhile, with a lifetime of 1 s", async () => {
    const world = await World.start();
    const peers = await Promise.all(TRANSPORTS.map((transport) => RawPeer.open(transport, world.ports.standard)));
    try {
      for (const peer of peers) {
        peer.send(setup({ keepalive: "000000c8", lifetime: "000003e8" }));
        await expectServed(peer);
      }
      process.kill(world.serverPid, "SIGSTOP");
      for (let i = 0; i < 15; i++) {
        await sleep(200);
        for (const peer of peers) peer.send(keepalive());
      }
      process.kill(world.serverPid, "SIGCONT");
      for (const peer of peers) {
        await expectServed(peer);
        expect(peer.end).to.equal(undefined);
      }
    } finally {
      for (const peer of peers) peer.destroy();
      await world.stop();
    }
  });
});
