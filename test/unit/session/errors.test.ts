// SPDX-License-Identifier: Apache-2.0
// The unit tests of session/errors.ts.
import { expect } from "chai";
import { ConnectionError, StreamError } from "../../../runtime/src/session/errors.js";
import { bytesOf, textHex } from "../../support/frames-dsl.js";

describe("session/errors", () => {
  it("of a connection keep their code, who ended it, the peer's data and the cause", () => {
    const cause = new Error("reset");
    const error = new ConnectionError(0x101, "connection lost", "remote", { cause, data: bytesOf("61") });
    expect(error).to.be.instanceOf(Error);
    expect(error).to.include({
      name: "ConnectionError",
      scope: "connection",
      code: 0x101,
      initiator: "remote",
      message: "connection lost",
    });
    expect(error.cause).to.equal(cause);
    expect(error.data).to.deep.equal(bytesOf("61"));
    expect("cause" in new ConnectionError(0x102, "closed", "local")).to.equal(false);
  });

  it("of a stream name the code and quote the text of the frame", () => {
    const error = new StreamError(0x201, bytesOf(textHex("no such symbol")), "remote");
    expect(error).to.include({ name: "StreamError", scope: "stream", code: 0x201, initiator: "remote" });
    expect(error.message).to.equal("APPLICATION_ERROR (0x201): no such symbol");
    expect(new StreamError(0xfffffffe, bytesOf("ff"), "remote").message).to.equal("0xfffffffe: \ufffd");
  });
});
