// SPDX-License-Identifier: Apache-2.0
// The unit tests of session/stream-state.ts.
import { expect } from "chai";
import { Interaction, presetOf, presetOfFrame } from "../../../runtime/src/session/stream-state.js";

describe("session/stream-state", () => {
  it("knows each interaction by its name and by its frame type", () => {
    const types = { fire_and_forget: 0x05, request_response: 0x04, request_stream: 0x06, request_channel: 0x07 };
    for (const interaction of Object.values(Interaction)) {
      expect(presetOf(interaction).frameType).to.equal(types[interaction]);
      expect(presetOfFrame(types[interaction])).to.equal(presetOf(interaction));
    }
  });

  it("knows no other frame type", () => {
    for (let type = 0; type < 0x40; type++) {
      expect(presetOfFrame(type) === undefined, `type ${type}`).to.equal(type < 0x04 || type > 0x07);
    }
  });

  it("lets only a channel's requester send items, and only streams and channels begin with an n", () => {
    const presets = Object.values(Interaction).map(presetOf);
    expect(
      presets.map((preset) => [preset.interaction, preset.requesterSends, preset.responderSends, preset.hasInitialN]),
    ).to.deep.equal([
      ["fire_and_forget", false, false, false],
      ["request_response", false, true, false],
      ["request_stream", false, true, true],
      ["request_channel", true, true, true],
    ]);
  });

  it("refuses an interaction that doesn't exist, naming it and those that do", () => {
    expect(() => presetOf("request_twice" as never)).to.throw(
      RangeError,
      "interaction request_twice, expected one of request_response",
    );
  });
});
