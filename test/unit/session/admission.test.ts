// SPDX-License-Identifier: Apache-2.0
// The unit tests of session/admission.ts.
import { expect } from "chai";
import { Admission, type WaitingCall } from "../../../runtime/src/session/admission.js";
import { ConnectionError } from "../../../runtime/src/session/errors.js";

const ended = new ConnectionError(0x101, "ended", "remote");

function waiting(log: string[], name: string, also: () => void = () => {}): WaitingCall {
  return {
    admit: () => {
      log.push(name);
      also();
    },
    fail: (error) => {
      log.push(`${name} failed: ${error.message}`);
      also();
    },
  };
}

describe("session/admission", () => {
  it("admits in order, as long as there is room", () => {
    const admission = new Admission(10);
    const log: string[] = [];
    for (const name of ["a", "b", "c"]) admission.add(waiting(log, name));
    admission.admitWhile(() => log.length < 2);
    expect(log).to.deep.equal(["a", "b"]);
    expect(admission.size).to.equal(1);
    admission.admitWhile(() => true);
    expect(log).to.deep.equal(["a", "b", "c"]);
    expect(admission.size).to.equal(0);
  });

  it("takes so many and no more, until one is gone", () => {
    const admission = new Admission(1);
    const call = waiting([], "a");
    expect([admission.add(call), admission.add(waiting([], "b"))]).to.deep.equal([true, false]);
    admission.withdraw(call);
    expect(admission.add(waiting([], "c"))).to.equal(true);
  });

  it("tells a call that was withdrawn nothing, also when another withdraws it meanwhile", () => {
    const admission = new Admission(10);
    const log: string[] = [];
    const withdrawn = waiting(log, "b");
    admission.add(waiting(log, "a", () => admission.withdraw(withdrawn)));
    admission.add(withdrawn);
    admission.admitWhile(() => true);
    expect(log).to.deep.equal(["a"]);
    admission.add(waiting(log, "c", () => admission.withdraw(withdrawn)));
    admission.add(withdrawn);
    admission.failAll(() => ended);
    expect(log).to.deep.equal(["a", "c failed: ended"]);
    expect(admission.size).to.equal(0);
  });

  it("admits a call that another adds meanwhile, behind those that wait", () => {
    const admission = new Admission(10);
    const log: string[] = [];
    admission.add(waiting(log, "a", () => admission.add(waiting(log, "c"))));
    admission.add(waiting(log, "b"));
    admission.admitWhile(() => true);
    expect(log).to.deep.equal(["a", "b", "c"]);
  });

  it("fails all, in order, each once", () => {
    const admission = new Admission(10);
    const log: string[] = [];
    admission.add(waiting(log, "a", () => admission.failAll(() => ended)));
    admission.add(waiting(log, "b"));
    admission.failAll(() => ended);
    expect(log).to.deep.equal(["a failed: ended", "b failed: ended"]);
  });
});
