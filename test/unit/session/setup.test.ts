// SPDX-License-Identifier: Apache-2.0
// The unit tests of session/setup.ts.
import { expect } from "chai";
import type { SetupFrame } from "../../../runtime/src/frames/frame.js";
import { FrameType } from "../../../runtime/src/frames/layout.js";
import { resolveLimits } from "../../../runtime/src/session/settings.js";
import { judgedLifetimeMs, refuseSetup } from "../../../runtime/src/session/setup.js";

const NOTHING = { resumption: false, lease: false, acceptZeroKeepalive: false, limits: resolveLimits() };

function setup(changes: Partial<SetupFrame> = {}): SetupFrame {
  return {
    type: FrameType.SETUP,
    streamId: 0,
    majorVersion: 1,
    minorVersion: 0,
    keepaliveIntervalMs: 20_000,
    maxLifetimeMs: 90_000,
    resumeToken: undefined,
    lease: false,
    metadataMimeType: "m",
    dataMimeType: "d",
    metadata: undefined,
    data: new Uint8Array(0),
    ...changes,
  };
}

describe("session/setup", () => {
  it("takes a sound SETUP", () => {
    expect(refuseSetup(setup(), NOTHING)).to.equal(undefined);
    expect(refuseSetup(setup({ keepaliveIntervalMs: 0x7fffffff, maxLifetimeMs: 0x7fffffff }), NOTHING)).to.equal(
      undefined,
    );
  });

  for (const [what, changes, code, message] of [
    ["another stream", { streamId: 7 }, 0x001, "SETUP on stream 7, expected stream 0"],
    ["another version", { minorVersion: 1 }, 0x001, "version 1.1, expected 1.0"],
    ["a keepalive of 0", { keepaliveIntervalMs: 0 }, 0x001, "keepalive interval 0, expected 1 … 2^31-1 ms"],
    ["a lifetime of 0", { maxLifetimeMs: 0 }, 0x001, "max lifetime 0, expected 1 … 2^31-1 ms"],
    ["resumption", { resumeToken: new Uint8Array(2) }, 0x003, "resumption is not supported"],
    ["leases", { lease: true }, 0x002, "lease is not supported"],
  ] as const) {
    it(`refuses ${what}, saying so`, () => {
      expect(refuseSetup(setup(changes), NOTHING)).to.deep.equal({ code, message });
    });
  }

  it("takes what the server can do", () => {
    const able = { ...NOTHING, resumption: true, lease: true, acceptZeroKeepalive: true };
    const wants = setup({ resumeToken: new Uint8Array(16), lease: true, keepaliveIntervalMs: 0, maxLifetimeMs: 0 });
    expect(refuseSetup(wants, able)).to.equal(undefined);
  });

  it("judges a peer by the lifetime it asked for, within the limits; by none where it asked for none", () => {
    const limits = resolveLimits({ minLifetimeMs: 500, maxLifetimeMs: 600_000 });
    const judged = (maxLifetimeMs: number, keepaliveIntervalMs = 100): number =>
      judgedLifetimeMs(setup({ maxLifetimeMs, keepaliveIntervalMs }), limits);
    expect([judged(1), judged(499), judged(500), judged(90_000)]).to.deep.equal([500, 500, 500, 90_000]);
    expect([judged(600_001), judged(0x7ffffffe)]).to.deep.equal([600_000, 600_000]);
    expect([judged(0x7fffffff), judged(0), judged(90_000, 0)]).to.deep.equal([0x7fffffff, 0x7fffffff, 0x7fffffff]);
  });
});
