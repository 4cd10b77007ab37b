// SPDX-License-Identifier: Apache-2.0
// The unit tests of session/settings.ts.
import { expect } from "chai";
import { type ConnectionSettings, resolveLimits, resolveSettings } from "../../../runtime/src/session/settings.js";

describe("session/settings", () => {
  it("have the defaults of the documentation", () => {
    const { limits, ...settings } = resolveSettings();
    expect(settings).to.deep.equal({
      keepaliveIntervalMs: 20_000,
      maxLifetimeMs: 90_000,
      serverKeepalive: false,
      fragmentBytes: 65_536,
      followsWins: false,
      peerMayBeSilent: false,
      acceptZeroKeepalive: false,
      cancelChannelInput: true,
    });
    expect(limits).to.deep.include({
      setupTimeoutMs: 10_000,
      maxSetupBytes: 65_536,
      maxMessageBytes: 4_194_304,
      maxReassemblyBytes: 16_777_216,
      maxFragments: 131_072,
      maxInboundStreams: 10_000,
      maxPeerCausedBytes: 25_165_824,
    });
  });

  it("derive the number of fragments from the largest message, 16,384 at least", () => {
    expect(resolveLimits({ maxMessageBytes: 1_000 }).maxFragments).to.equal(16_384);
    expect(resolveLimits({ maxMessageBytes: 33_554_432 }).maxFragments).to.equal(1_048_576);
    expect(resolveLimits({ maxFragments: 7 }).maxFragments).to.equal(7);
  });

  it("start from the preset for the internet when asked to, and from there take changes", () => {
    const edge = resolveLimits({ controlBurst: 20 }, "edge");
    expect(edge).to.deep.include({
      maxInboundStreams: 1_000,
      controlBurst: 20,
      controlsPerSecond: 1,
      maxConnectionsPerAddress: 256,
    });
    expect(edge.maxMessageBytes).to.equal(resolveLimits().maxMessageBytes);
    expect(resolveSettings({ preset: "edge" }).limits.maxInboundStreams).to.equal(1_000);
  });

  it("are one object for connections with the same limits, which nobody can change", () => {
    const limits = resolveLimits({ maxMessageBytes: 1_000, cancelBurst: undefined } as never);
    expect(resolveLimits({ maxMessageBytes: 1_000 }))
      .to.equal(limits)
      .and.not.equal(resolveLimits());
    expect(resolveLimits({ maxMessageBytes: 1_000 }, "edge").controlBurst).to.equal(10);
    expect(resolveLimits({ maxMessageBytes: 1_000, cancelBurst: 1 }).cancelBurst).to.equal(1);
    expect(resolveLimits({})).to.equal(resolveLimits()).and.satisfy(Object.isFrozen);
    expect(limits).to.satisfy(Object.isFrozen);
  });

  it("don't take a limit from an object's prototype, where none is checked", () => {
    const changes = Object.assign(Object.create({ cancelBurst: -1 }), { maxMessageBytes: 1_000 });
    expect(resolveLimits(changes).cancelBurst).to.equal(resolveLimits().cancelBurst);
  });

  it("leave a limit at its default when it is given as undefined", () => {
    const limits = resolveLimits({ maxMessageBytes: undefined } as never);
    expect(limits.maxMessageBytes).to.equal(4_194_304);
  });

  for (const value of [0, -1, Number.NaN, "10", null]) {
    const shown = value === "10" ? '"10"' : String(value);
    it(`refuse ${shown} as a limit, naming it`, () => {
      expect(() => resolveLimits({ maxMessageBytes: value } as never)).to.throw(
        RangeError,
        `limit maxMessageBytes is ${shown}, expected a number`,
      );
    });
  }

  it("refuse a limit that doesn't exist, naming it", () => {
    expect(() => resolveLimits({ maxMesageBytes: 5 } as never)).to.throw(RangeError, "limit maxMesageBytes is unknown");
    expect(() => resolveLimits({ constructor: 5 } as never)).to.throw(RangeError, "limit constructor is unknown");
  });

  it("take Infinity for none", () => {
    expect(resolveLimits({ maxMessageBytes: Number.POSITIVE_INFINITY }).maxFragments).to.equal(
      Number.POSITIVE_INFINITY,
    );
  });

  for (const [name, value] of [
    ["keepaliveIntervalMs", 0],
    ["keepaliveIntervalMs", 0x80000000],
    ["maxLifetimeMs", 1.5],
    ["fragmentBytes", 63],
    ["fragmentBytes", 16_777_216],
  ] as const) {
    it(`refuse ${name} ${value}, naming it and its range`, () => {
      expect(() => resolveSettings({ [name]: value })).to.throw(
        RangeError,
        `${name} is ${value}, expected a whole number`,
      );
    });
  }

  for (const [switches, message] of [
    [{ rsocketGO: true }, "option compatibility.rsocketGO is unknown, expected one of "],
    [{ serverKeepalive: 1 }, "compatibility.serverKeepalive is 1, expected a boolean"],
    [{ serverKeepalive: null }, "compatibility.serverKeepalive is null, expected a boolean"],
  ] as const) {
    it(`refuse the compatibility switches ${JSON.stringify(switches)}, naming the one`, () => {
      expect(() => resolveSettings({ compatibility: switches as never })).to.throw(RangeError, message);
    });
  }

  it("name the switches there are, and take one that is undefined as not given", () => {
    const unknown = () => resolveSettings({ compatibility: { x: true } as never });
    expect(unknown).to.throw(RangeError, /expected one of serverKeepalive, .*, repeatChannelMetadata/);
    const switches = { serverKeepalive: undefined, acceptZeroKeepalive: true };
    expect(resolveSettings({ compatibility: switches as never })).to.include({
      serverKeepalive: false,
      acceptZeroKeepalive: true,
    });
  });

  it("take an interval that fits a lifetime which is given alone, and refuse one that can't", () => {
    const intervalOf = (maxLifetimeMs: number) => resolveSettings({ maxLifetimeMs }).keepaliveIntervalMs;
    expect([120_000, 60_000, 30_000, 10_000, 2].map(intervalOf)).to.deep.equal([20_000, 20_000, 10_000, 3_334, 1]);
    for (const settings of [{ keepaliveIntervalMs: 90_000 }, { keepaliveIntervalMs: 500, maxLifetimeMs: 500 }]) {
      const { keepaliveIntervalMs, maxLifetimeMs = 90_000 } = settings as Partial<ConnectionSettings>;
      expect(() => resolveSettings(settings)).to.throw(
        RangeError,
        `keepaliveIntervalMs is ${keepaliveIntervalMs}, expected less than maxLifetimeMs, ${maxLifetimeMs}`,
      );
    }
  });

  it("take the ends of the ranges", () => {
    expect(
      resolveSettings({ keepaliveIntervalMs: 1, maxLifetimeMs: 0x7fffffff, fragmentBytes: 64 }).fragmentBytes,
    ).to.equal(64);
    expect(resolveSettings({ fragmentBytes: 16_777_215 }).fragmentBytes).to.equal(16_777_215);
  });
});
