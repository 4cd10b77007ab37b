// SPDX-License-Identifier: Apache-2.0
// What PowerSync's client was seen to say, said again to a server of ours on the payload level.

import { expect } from "chai";
import { serveRSocket } from "rsocket-rpc/rsocket";
import { scriptedPeer, VirtualScheduler } from "rsocket-rpc/testing";
import { accept } from "../interop/peers/powersync/sync.js";
import { conversationsOf } from "../support/rpc-captured.js";

const REQUEST_N = /^[0-9a-f]{8}20/;
const PAYLOAD = /^000000012820/;

describe("PowerSync's client, as captured", () => {
  const frames = conversationsOf("powersync").flatMap((conversation) => conversation.frames);
  const said = frames.filter(({ direction }) => direction === "client->server").map(({ hex }) => hex);
  const heard = frames.filter(({ direction }) => direction === "server->client").map(({ hex }) => hex);

  /** What a server of ours answers. */
  async function answersTo(...sent: readonly string[]): Promise<string[]> {
    const scheduler = new VirtualScheduler();
    let take: (link: ReturnType<typeof scriptedPeer>[0]) => void = () => {};
    const listening = serveRSocket({
      scheduler,
      listeners: [
        (onLink) => {
          take = onLink;
          return Promise.resolve({ url: "in-process:", close: () => Promise.resolve() });
        },
      ],
      accept,
    });
    const server = await scheduler.run(listening);
    const [link, peer] = scriptedPeer(scheduler);
    take(link);
    for (const hex of sent) {
      peer.send(hex);
      await scheduler.settle();
    }
    const received = peer.take();
    await scheduler.run(server.close());
    return received;
  }

  it("gets its rows by the same bytes, and its REQUEST_Ns are borne", async () => {
    const answers = await answersTo(...said);
    expect(said.filter((hex) => REQUEST_N.test(hex))).to.have.length(4);
    // The last of the captured is news of the token's age, which this server doesn't tell.
    expect(answers).to.deep.equal(heard.filter((hex) => PAYLOAD.test(hex)).slice(0, 3));
  });

  it("with another token is refused", async () => {
    const [setup = "", ...rest] = said;
    const wrong = setup.replace(Buffer.from("a-token").toString("hex"), Buffer.from("b-token").toString("hex"));
    expect(wrong).to.not.equal(setup);
    const [refusal = "", ...more] = await answersTo(wrong, ...rest);
    expect(refusal.slice(0, 20)).to.equal("000000002c0000000003");
    expect(more).to.deep.equal([]);
  });
});
