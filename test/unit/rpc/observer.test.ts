// SPDX-License-Identifier: Apache-2.0
// What is printed where nobody observes: no fault is lost, and no flood of them fills a log.

import { expect } from "chai";
import type { CallMethod } from "../../../runtime/src/rpc/call.js";
import type { Incident } from "../../../runtime/src/rpc/incidents.js";
import { guardedObserver, printingObserver } from "../../../runtime/src/rpc/observer.js";

describe("the observer where nobody observes", () => {
  const told: string[] = [];
  const { error: printedError, warn: printedWarning } = console;
  const { now } = performance;
  // Behind all that other tests have printed.
  let nowMs = now.call(performance) + 1_000_000;

  const method = { service: "demo.v1.Ticker", name: "Last" } as Parameters<
    NonNullable<typeof printingObserver.onHandlerError>
  >[1];

  beforeEach(() => {
    told.length = 0;
    nowMs += 10_000;
    performance.now = () => nowMs;
    console.error = (text: string, error: unknown) => told.push(`${text} ${String(error)}`);
    console.warn = (text: string) => told.push(text);
  });

  afterEach(() => {
    performance.now = now;
    console.error = printedError;
    console.warn = printedWarning;
  });

  it("prints a fault with where it was", () => {
    printingObserver.onHandlerError?.(new Error("a"), method);
    nowMs += 1_000;
    printingObserver.onCleanupError?.(new Error("b"), method);
    nowMs += 1_000;
    printingObserver.onListenerError?.(new Error("c"));
    nowMs += 1_000;
    printingObserver.onAcceptError?.(new Error("d"));
    expect(told).to.deep.equal([
      "rsocket-rpc: demo.v1.Ticker.Last threw: Error: a",
      "rsocket-rpc: demo.v1.Ticker.Last threw at its end: Error: b",
      "rsocket-rpc: a listener for a channel's states threw: Error: c",
      "rsocket-rpc: accept threw: Error: d",
    ]);
  });

  it("prints what an observer has no method for: who counts incidents hasn't said that faults are nobody's", () => {
    const incidents: unknown[] = [];
    const observer = guardedObserver({ onIncident: (incident) => incidents.push(incident) });
    observer.onHandlerError?.(new Error("a"), method);
    observer.onIncident?.({} as Incident);
    expect(told).to.deep.equal(["rsocket-rpc: demo.v1.Ticker.Last threw: Error: a"]);
    expect(incidents).to.have.length(1);
    guardedObserver({ onHandlerError() {} }).onHandlerError?.(new Error("b"), method);
    expect(told).to.have.length(1);
  });

  it("prints one a second at most of each kind and method, and how many there were in between", () => {
    printingObserver.onAcceptError?.(new Error("first"));
    for (let i = 0; i < 1_000; i++) printingObserver.onAcceptError?.(new Error("flood"));
    nowMs += 999;
    printingObserver.onAcceptError?.(new Error("flood"));
    expect(told).to.deep.equal(["rsocket-rpc: accept threw: Error: first"]);
    nowMs += 1;
    printingObserver.onAcceptError?.(new Error("second"));
    nowMs += 1_000;
    printingObserver.onAcceptError?.(new Error("third"));
    const other = { service: "demo.v1.Ticker", name: "Other" } as CallMethod;
    printingObserver.onHandlerError?.(new Error("another"), other);
    expect(told.pop()).to.equal("rsocket-rpc: demo.v1.Ticker.Other threw: Error: another");
    expect(told.slice(1)).to.deep.equal([
      "rsocket-rpc: accept threw (and 1001 times more before): Error: second",
      "rsocket-rpc: accept threw: Error: third",
    ]);
  });

  it("warns once of a method whose user metadata an old peer may misread", () => {
    for (let i = 0; i < 3; i++) printingObserver.onLargeUserMetadata?.(70_000, method);
    printingObserver.onLargeUserMetadata?.(80_000, { ...method, name: "Chat" });
    const words = (name: string, bytes: number): string =>
      `rsocket-rpc: ${bytes} bytes of user metadata on demo.v1.Ticker.${name}: rsocket-rpc-java 0.3.0 may misread the call`;
    expect(told).to.deep.equal([words("Last", 70_000), words("Chat", 80_000)]);
  });
});
