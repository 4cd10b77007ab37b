// SPDX-License-Identifier: Apache-2.0
// What servers over Node's sockets print of errors that nobody asked for: seldom, and still each kind.

import { expect } from "chai";
import { createWarn } from "../../../runtime/src/transports/node-servers.js";

const MINUTE_MS = 60_000;

describe("warnings of servers", () => {
  const { emitWarning } = process;
  const nowMs = 1_000;
  let printed: string[] = [];
  let warn: ReturnType<typeof createWarn>;

  beforeEach(() => {
    printed = [];
    warn = createWarn();
    process.emitWarning = ((text: string) =>
      void printed.push(text.replace("a link couldn't be accepted: ", ""))) as never;
  });
  afterEach(() => {
    process.emitWarning = emitWarning;
  });

  const coded = (code: string, text: string): Error => Object.assign(new Error(text), { code });
  const ofPage = (origin: string): Error => new Error(`a page of ${JSON.stringify(origin)} may not open a WebSocket`);

  it("are one a minute of each kind: another fault in the same minute is printed, too", () => {
    warn(coded("EMFILE", "accept EMFILE"), nowMs);
    warn(
      new Error("the certificate of 10.0.0.1:50000 was refused", { cause: coded("CERT_HAS_EXPIRED", "old") }),
      nowMs,
    );
    warn(ofPage("https://a.example"), nowMs);
    warn("a text", nowMs);
    warn(undefined, nowMs);
    expect(printed).to.deep.equal([
      "accept EMFILE",
      "the certificate of 10.0.0.1:50000 was refused",
      'a page of "https://a.example" may not open a WebSocket',
      "a text",
      "undefined",
    ]);
  });

  it("say how many more like them there were", () => {
    for (let i = 0; i < 13; i++) warn(coded("EMFILE", "accept EMFILE"), nowMs + i);
    expect(printed).to.deep.equal(["accept EMFILE"]);
    warn(coded("EMFILE", "accept EMFILE"), nowMs + MINUTE_MS);
    warn(coded("EMFILE", "accept EMFILE"), nowMs + 2 * MINUTE_MS);
    expect(printed.slice(1)).to.deep.equal(["accept EMFILE (and 12 more like it before)", "accept EMFILE"]);
  });

  it("aren't told apart by what a peer chooses: its address, its origin", () => {
    warn(ofPage("https://a.example"), nowMs);
    warn(ofPage('https://b.example/"quoted"'), nowMs);
    warn(new Error("nothing from 10.0.0.1:50000"), nowMs);
    warn(new Error("nothing from 10.0.0.2:50001"), nowMs);
    warn(new Error("refused 10.0.0.1:1", { cause: coded("CERT_HAS_EXPIRED", "old") }), nowMs);
    warn(new Error("refused 10.0.0.2:2", { cause: coded("CERT_HAS_EXPIRED", "old") }), nowMs);
    expect(printed).to.have.length(3);
  });

  it("are few, however many kinds there seem to be", () => {
    for (let i = 0; i < 1_000; i++) warn(coded(`MADE_UP_${i}`, "x"), nowMs);
    expect(printed).to.have.length(51);
  });
});
