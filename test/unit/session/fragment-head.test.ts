// SPDX-License-Identifier: Apache-2.0
// Which frames may be taken in pieces (session/stream-state.ts, RSocket 1.0 §Fragmentation And Reassembly).

import { expect } from "chai";
import { isHeadOfFragment } from "../../../runtime/src/session/stream-state.js";
import { bytesOf, hex } from "../../support/frames-dsl.js";

describe("the head of a fragment", () => {
  const HEADS: readonly (readonly [what: string, head: string, isOne: boolean])[] = [
    ["PAYLOAD, N and F", hex`00000001 28a0 61`, true],
    ["PAYLOAD, F and C: which of them wins is said elsewhere", hex`00000001 28e0 61`, false],
    ["PAYLOAD, F, no data yet", hex`00000001 2880`, true],
    ["PAYLOAD, F, all metadata", hex`00000001 2980 000002 6d6e`, true],
    ["PAYLOAD, F, metadata cut", hex`00000001 2980 000002 6d`, false],
    ["PAYLOAD, F, its metadata's length cut", hex`00000001 2980 0000`, false],
    ["PAYLOAD, N, the last", hex`00000001 2820 61`, false],
    ["REQUEST_RESPONSE, F", hex`00000001 1080 61`, true],
    ["REQUEST_FNF, F", hex`00000001 1480 61`, true],
    ["REQUEST_STREAM, F", hex`00000001 1880 00000001`, true],
    ["REQUEST_STREAM, F, n cut", hex`00000001 1880 000000`, false],
    ["REQUEST_CHANNEL, F, metadata behind n", hex`00000001 1d80 00000001 000001 6d`, true],
    ["REQUEST_CHANNEL, F, metadata behind n cut", hex`00000001 1d80 00000001 000001`, false],
    ["KEEPALIVE, whose R is the same bit", hex`00000000 0c80 0000000000000000`, false],
    ["ERROR with that bit", hex`00000001 2c80 00000201`, false],
    ["a header that is cut", hex`00000001 28`, false],
    ["nothing", "", false],
  ];
  for (const [what, head, isOne] of HEADS) {
    it(`${what}: ${isOne ? "is one" : "isn't"}`, () => {
      expect(isHeadOfFragment(bytesOf(head))).to.equal(isOne);
    });
  }
});
