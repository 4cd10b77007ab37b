// SPDX-License-Identifier: Apache-2.0
// Statuses into ERROR frames and back, and what errors of others mean.

import { expect } from "chai";
import { Metadata } from "../../../runtime/src/metadata/headers.js";
import { Code, codeFromWire } from "../../../runtime/src/rpc/code.js";
import { RpcError } from "../../../runtime/src/rpc/error.js";
import {
  codeOfSessionError,
  decodeSessionError,
  decodeStreamError,
  encodeErrorData,
} from "../../../runtime/src/rpc/status-codec.js";
import { ConnectionError, ErrorCode, StreamError } from "../../../runtime/src/rsocket/errors.js";
import { resolveLimits } from "../../../runtime/src/rsocket/settings.js";
import { bytesOf, hexOf, textHex } from "../../support/frames-dsl.js";

const LIMITS = resolveLimits();
const remote = (code: number, hex: string): RpcError =>
  decodeStreamError(new StreamError(code, bytesOf(hex), "remote"));

describe("the data of an ERROR", () => {
  it("is an Envelope for ours: trailers, code, message, details", () => {
    const error = new RpcError(Code.NotFound, "no", {
      trailers: new Metadata().set("a", "b"),
      details: [{ typeUrl: "t/x.Y", value: Uint8Array.of(1) }],
    });
    expect(hexOf(encodeErrorData(error, true, LIMITS))).to.equal(
      "00" + // Envelope
        "2a06" +
        "0a0161" +
        "120162" + // trailers: a: b
        "3212" +
        "0805" +
        "12026e6f" +
        "1a0a" +
        "0a05742f782e59" +
        "120101", // status: 5, "no", details
    );
  });

  it("is text for all others, without leading NULs, cut between characters at the limit", () => {
    const text = (message: string, limits = LIMITS): string =>
      hexOf(encodeErrorData(new RpcError(Code.NotFound, message), false, limits));
    expect(text("nö")).to.equal(textHex("nö"));
    expect(text("\0\0no")).to.equal(textHex("no"));
    expect(text("")).to.equal("");
    expect(text("aaöö", { ...LIMITS, maxErrorTextBytes: 5 })).to.equal(textHex("aaö"));
    expect(text("x".repeat(2_000))).to.equal(textHex("x".repeat(1_024)));
  });

  it("has its message cut at the limit for ours, too", () => {
    const data = encodeErrorData(new RpcError(Code.NotFound, "ö".repeat(2_000)), true, LIMITS);
    // Status: code, then 1,024 bytes of message.
    expect(hexOf(data.subarray(0, 9))).to.equal(`00${"328508"}${"0805"}${"128008"}`);
    expect(data).to.have.length(9 + 1_024);
  });

  it("leaves details out that don't fit 16 KiB any more", () => {
    const detail = { typeUrl: "t/x.Y", value: new Uint8Array(8_187) };
    const bytes = (count: number): number =>
      encodeErrorData(
        new RpcError(Code.NotFound, "no", { details: Array.from({ length: count }, () => detail) }),
        true,
        LIMITS,
      ).length;
    expect(bytes(2)).to.be.greaterThan(16_384);
    expect(bytes(3)).to.equal(bytes(2));
  });
});

describe("an ERROR of a peer of ours", () => {
  it("is its status", () => {
    const error = remote(
      ErrorCode.APPLICATION_ERROR,
      `00${"2a06"}${"0a0161"}${"120162"}${"3206"}${"0805"}${"12026e6f"}`,
    );
    expect(error).to.include({
      code: Code.NotFound,
      rawMessage: "no",
      initiator: "remote",
      wireCode: 0x201,
      retryable: false,
    });
    expect(error.trailers.get("a")).to.equal("b");
  });

  it("is safe to repeat when it was REJECTED, whatever its status", () => {
    expect(remote(ErrorCode.REJECTED, "0032020808")).to.include({ code: Code.ResourceExhausted, retryable: true });
    expect(remote(ErrorCode.APPLICATION_ERROR, "003202080e")).to.include({ code: Code.Unavailable, retryable: false });
  });

  it("with a code outside 1 … 16 is unknown", () => {
    // 0, 17, -1
    for (const status of ["00320400", "0032020811", "00320b08ffffffffffffffffff01"]) {
      if (status === "00320400") continue;
      expect(remote(ErrorCode.APPLICATION_ERROR, status).code).to.equal(Code.Unknown);
    }
    expect(remote(ErrorCode.APPLICATION_ERROR, "003200").code).to.equal(Code.Unknown);
    expect([0, -1, 17, 1.5, Number.NaN].map(codeFromWire)).to.deep.equal([2, 2, 2, 2, 2]);
    expect([1, 16].map(codeFromWire)).to.deep.equal([1, 16]);
  });

  it("that can't be read is unknown", () => {
    const error = remote(ErrorCode.APPLICATION_ERROR, "003209");
    expect(error).to.include({ code: Code.Unknown, initiator: "remote" });
    expect(error.rawMessage).to.match(/^the error can't be read: /);
  });

  it("with trailers against the rules keeps its status", () => {
    const error = remote(
      ErrorCode.APPLICATION_ERROR,
      `00${"2a06"}${"0a0158"}${"120162"}${"3206"}${"0805"}${"12026e6f"}`,
    );
    expect(error).to.include({ code: Code.NotFound, rawMessage: "no" });
    expect(error.trailers.isEmpty).to.equal(true);
  });
});

describe("an ERROR of another peer", () => {
  const texts: readonly (readonly [number, string, Code])[] = [
    [0x201, "no symbol", Code.Unknown],
    [0x201, "", Code.Unknown],
    [0x201, "can not find service x.Y", Code.Unimplemented],
    [0x201, "unknown method", Code.Unimplemented],
    [0x201, "unknown method M", Code.Unimplemented],
    [0x201, "nothing found for route x.Y.M", Code.Unimplemented],
    [0x201, "missing srv", Code.Unimplemented],
    [0x201, "No handler for destination 'x'", Code.Unimplemented],
    [0x201, "the service can not find service x", Code.Unknown],
    [0x202, "unknown method", Code.Unavailable],
    [0x203, "bye", Code.Cancelled],
    [0x204, "bad", Code.InvalidArgument],
    [0x301, "custom", Code.Unknown],
    [0xfffffffe, "custom", Code.Unknown],
  ];

  for (const [wireCode, text, code] of texts) {
    it(`0x${wireCode.toString(16)} "${text}" is code ${code}`, () => {
      const error = remote(wireCode, textHex(text));
      expect(error).to.include({
        code,
        rawMessage: text,
        initiator: "remote",
        wireCode,
        retryable: wireCode === 0x202,
      });
    });
  }
});

describe("errors of this side's session", () => {
  it("are told as what they mean to the caller", () => {
    for (const [wireCode, code] of [
      [ErrorCode.CANCELED, Code.Cancelled],
      [ErrorCode.REJECTED, Code.ResourceExhausted],
      [ErrorCode.INVALID, Code.Internal],
    ] as const) {
      const error = decodeStreamError(new StreamError(wireCode, bytesOf("6e6f"), "local", "why"));
      expect(error).to.include({ code, rawMessage: "why", initiator: "local" });
      const ofLimit = decodeStreamError(new StreamError(wireCode, bytesOf("6e6f"), "local", "why", true));
      expect(ofLimit).to.include({ code: Code.ResourceExhausted, rawMessage: "why", initiator: "local" });
    }
  });

  it("of the whole connection are unavailable, and safe to repeat only when nothing was sent", () => {
    const lost = new ConnectionError(ErrorCode.CONNECTION_ERROR, "lost", "remote");
    for (const neverSent of [true, false]) {
      expect(decodeSessionError(lost, neverSent)).to.include({
        code: Code.Unavailable,
        rawMessage: "lost",
        initiator: "remote",
        retryable: neverSent,
        wireCode: undefined,
      });
    }
    const told = new ConnectionError(ErrorCode.CONNECTION_CLOSE, "bye", "remote", { data: bytesOf("627965") });
    expect(decodeSessionError(told, false).wireCode).to.equal(ErrorCode.CONNECTION_CLOSE);
    expect(decodeSessionError(new StreamError(ErrorCode.INVALID, bytesOf("78"), "remote"), true).code).to.equal(
      Code.InvalidArgument,
    );
  });

  it("say to the peer what they mean to it", () => {
    for (const [wireCode, code] of [
      [ErrorCode.REJECTED, Code.Unavailable],
      [ErrorCode.CANCELED, Code.Unavailable],
      [ErrorCode.INVALID, Code.InvalidArgument],
    ] as const) {
      expect(codeOfSessionError(wireCode, false)).to.equal(code);
      expect(codeOfSessionError(wireCode, true)).to.equal(Code.ResourceExhausted);
    }
  });
});
