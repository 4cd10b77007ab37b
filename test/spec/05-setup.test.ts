// SPDX-License-Identifier: Apache-2.0
// RSocket 1.0 §SETUP, §Connection Establishment: the rules SETUP and CONN, and how RESUME is refused.

import { expect } from "chai";
import type { SetupFrame } from "../../runtime/src/frames/frame.js";
import { ConnectionError } from "../../runtime/src/session/errors.js";
import { resolveSettings } from "../../runtime/src/session/settings.js";
import { bytesOf, hex, hexOf, repeat, textHex, uint, withoutText } from "../support/frames-dsl.js";
import { expectNoTrace } from "../support/no-trace.js";
import { KEEPALIVE, KEEPALIVE_R, newClient, newServer, Probe, SETUP } from "../support/probe.js";

/** ERROR on stream 0 with this code, without its text. */
function refusal(code: string): string {
  return hex`
    00000000   // stream 0
    2c00       // ERROR
    ${code}
  `;
}

/** SETUP with some fields different. */
function setup(fields: {
  header?: string;
  version?: string;
  keepalive?: string;
  lifetime?: string;
  rest?: string;
}): string {
  return hex`
    ${fields.header ?? "00000000 0400"}
    ${fields.version ?? "0001 0000"}
    ${fields.keepalive ?? "00004e20"}
    ${fields.lifetime ?? "00015f90"}
    ${fields.rest ?? "016d 0164"}
  `;
}

class SetupProbe extends Probe {
  setups: SetupFrame[] = [];
  override onSetup(frame?: SetupFrame): void {
    if (frame !== undefined) this.setups.push(frame);
    super.onSetup();
  }
}

function expectRefused(frame: string, code: string): void {
  const server = newServer();
  server.receive(frame);
  expect(server.sent().map(withoutText)).to.deep.equal([refusal(code)]);
  expect(server.log).to.deep.equal([`closed 0x${Number.parseInt(code, 16).toString(16)} local`]);
}

describe("RSocket 1.0 §SETUP, §Connection Establishment", () => {
  afterEach(expectNoTrace);

  it("SETUP-01: SETUP goes out on stream 0", () => {
    const client = newClient();
    expect(client.sent()[0]?.slice(0, 8)).to.equal("00000000");
  });

  it("SETUP-01, CONN-02: SETUP on another stream is answered INVALID_SETUP on stream 0, then the connection ends", () => {
    expectRefused(setup({ header: "00000007 0400" }), "00000001");
  });

  for (const mime of ["", "x", "application/x.nonsense; a=b", "ÿ", "a".repeat(255)]) {
    it(`SETUP-02: the mime type "${mime.slice(0, 30)}" (${new TextEncoder().encode(mime).length} bytes) is accepted and changes nothing`, () => {
      const server = new SetupProbe({ side: "server" });
      const bytes = textHex(mime);
      const field = uint(bytes.length / 2, 1) + bytes;
      server.receive(setup({ rest: field + field }), hex`00000001 1000 61`);
      expect(server.setups.map((frame) => [frame.metadataMimeType, frame.dataMimeType])).to.deep.equal([[mime, mime]]);
      expect(server.calls).to.have.length(1);
    });
  }

  it("SETUP-03: a keepalive interval of 0 is refused with INVALID_SETUP, 2^31-1 works", () => {
    expectRefused(setup({ keepalive: "00000000" }), "00000001");
    const server = newServer();
    server.receive(setup({ keepalive: "7fffffff" }));
    expect(server.log).to.deep.equal(["setup"]);
  });

  it("SETUP-03: a client can't be made to announce an interval of 0", () => {
    expect(() => resolveSettings({ keepaliveIntervalMs: 0 })).to.throw(RangeError, "keepaliveIntervalMs is 0");
    const client = newClient({ settings: { keepaliveIntervalMs: 0x7fffffff, maxLifetimeMs: 0x7fffffff } });
    expect(client.sent()[0]).to.equal(setup({ keepalive: "7fffffff", lifetime: "7fffffff" }));
  });

  it("SETUP-04: a lifetime of 0 is refused with INVALID_SETUP, 2^31-1 works", () => {
    expectRefused(setup({ lifetime: "00000000" }), "00000001");
    const server = newServer();
    server.receive(setup({ lifetime: "7fffffff" }));
    expect(server.log).to.deep.equal(["setup"]);
  });

  it("SETUP-04: a client can't be made to announce a lifetime of 0", () => {
    expect(() => resolveSettings({ maxLifetimeMs: 0 })).to.throw(RangeError, "maxLifetimeMs is 0");
  });

  it("SETUP-03, SETUP-04: with acceptZeroKeepalive a 0 in either means none (rsocket-swift sends it), and silence is no death", () => {
    for (const [keepalive, lifetime] of [
      ["00000000", "00015f90"],
      ["00004e20", "00000000"],
      ["00000000", "00000000"],
    ] as const) {
      const server = newServer({
        settings: { compatibility: { acceptZeroKeepalive: true, serverKeepalive: keepalive === "00000000" } },
      });
      server.receive(setup({ keepalive, lifetime }));
      expect(server.log).to.deep.equal(["setup"]);
      expect(server.connection.nextTimeoutMs).to.equal(undefined);
    }
  });

  it("SETUP-05: a client that doesn't resume sends neither R nor a token", () => {
    const client = newClient();
    expect(client.sent()[0]).to.equal(SETUP);
  });

  it("SETUP-05, SETUP-07: R with a token is refused with REJECTED_SETUP by a server that doesn't resume", () => {
    expectRefused(setup({ header: "00000000 0480", rest: `0010 ${repeat("ab", 16)} 016d 0164` }), "00000003");
  });

  it("SETUP-05: without R no token is read", () => {
    const server = new SetupProbe({ side: "server" });
    server.receive(SETUP);
    expect(server.setups.map(({ resumeToken }) => resumeToken)).to.deep.equal([undefined]);
  });

  it("SETUP-06: a mime type is a length byte and that many bytes, sent as ASCII and without an end", () => {
    const client = newClient({ setup: { metadataMimeType: "a/b", dataMimeType: "" } });
    expect(client.sent()[0]).to.equal(
      setup({
        rest: hex`
          03 612f62  // "a/b"
          00         // ""
        `,
      }),
    );
    expect(() => newClient({ setup: { metadataMimeType: "ä" } })).to.throw(RangeError, "metadataMimeType");
    expect(() => newClient({ setup: { dataMimeType: "a".repeat(128) } })).to.throw(RangeError, "127 ASCII");
  });

  it("SETUP-06: a mime type length beyond the frame is answered INVALID_SETUP", () => {
    expectRefused(setup({ rest: "016d 0264" }), "00000001");
    expectRefused(setup({ rest: "016d" }), "00000001");
  });

  it("SETUP-07: R whatever its token is refused with REJECTED_SETUP; a token beyond the frame is malformed", () => {
    expectRefused(setup({ header: "00000000 0480", rest: "0000 016d 0164" }), "00000003");
    expectRefused(setup({ header: "00000000 0480", rest: "ffff 016d 0164" }), "00000001");
  });

  it("SETUP-08: metadata and data of SETUP reach the acceptor", () => {
    const server = new SetupProbe({ side: "server" });
    server.receive(setup({ header: "00000000 0500", rest: "016d 0164 000002 6162 6364" }));
    const [frame] = server.setups;
    expect(frame?.metadata === undefined ? undefined : hexOf(frame.metadata)).to.equal("6162");
    expect(frame === undefined ? undefined : hexOf(frame.data)).to.equal("6364");
  });

  it("SETUP-08: a client sends metadata and data in SETUP", () => {
    const client = newClient({ setup: { metadata: bytesOf("6162"), data: bytesOf("6364") } });
    expect(client.sent()[0]).to.equal(setup({ header: "00000000 0500", rest: "016d 0164 000002 6162 6364" }));
  });

  it("SETUP-08, META-02: a metadata length beyond SETUP is answered INVALID_SETUP", () => {
    expectRefused(setup({ header: "00000000 0500", rest: "016d 0164 000003 6162" }), "00000001");
  });

  it("CONN-01: SETUP leaves first and alone in a write, whatever was called before; a KEEPALIVE with R follows", () => {
    const client = newClient();
    client.open("request_response", { data: "61" });
    client.connection.metadataPush(bytesOf("6d"));
    expect(client.sentWrites().map((write) => write.map(hexOf))).to.deep.equal([
      [SETUP],
      [hex`00000000 3100 6d`, KEEPALIVE_R, hex`00000001 1000 61`],
    ]);
  });

  it("CONN-01: nothing goes out in front of SETUP, not even the end", () => {
    for (const end of [
      (client: Probe) => client.connection.close(),
      (client: Probe) => client.connection.abort(new ConnectionError(0x101, "off", "local")),
    ]) {
      const client = newClient();
      client.connection.metadataPush(bytesOf("6d"));
      end(client);
      expect(client.sent()).to.deep.equal([]);
      expect(client.connection.state).to.equal("closed");
    }
  });

  it("CONN-01: a connection that is closed while calls wait for SETUP still sends SETUP first", () => {
    const client = newClient();
    const { log } = client.open("request_response", { data: "61" });
    client.connection.close();
    expect(client.sent()).to.deep.equal([SETUP, KEEPALIVE_R, hex`00000001 1000 61`]);
    client.receive(hex`00000001 2860 62`);
    expect(log).to.deep.equal(["next 62 complete"]);
    expect(client.sent().map(withoutText)).to.deep.equal([refusal("00000102")]);
  });

  for (const [name, frame] of [
    ["REQUEST_RESPONSE", hex`00000001 1000 61`],
    ["KEEPALIVE", KEEPALIVE_R],
    ["LEASE", hex`00000000 0800 00000064 00000001`],
    ["METADATA_PUSH", hex`00000000 3100 61`],
    ["RESUME_OK", hex`00000000 3800 0000000000000000`],
    ["ERROR", hex`00000000 2c00 00000101`],
    ["an unknown type with I", hex`00000000 be00`],
    ["RESUME on stream 7", hex`00000007 3400 0001 0000 0001 74 0000000000000000 0000000000000000`],
  ] as const) {
    it(`CONN-02: ${name} as the first frame is answered INVALID_SETUP, then the connection ends`, () => {
      expectRefused(frame, "00000001");
    });
  }

  it("CONN-02, RESUME-07: RESUME as the first frame is answered REJECTED_RESUME, then the connection ends", () => {
    expectRefused(
      hex`
        00000000          // stream 0
        3400              // RESUME
        0001 0000         // version 1.0
        0002 abcd         // token
        0000000000000000  // last received server position
        0000000000000000  // first available client position
      `,
      "00000004",
    );
  });

  it("CONN-03: requests of the client follow SETUP without waiting for anything", () => {
    const client = newClient();
    client.sent();
    client.open("request_response", { data: "61" });
    expect(client.sent()).to.deep.equal([hex`00000001 1000 61`]);
    const server = newServer();
    server.receive(SETUP, hex`00000001 1000 61`);
    expect(server.calls).to.have.length(1);
  });

  it("CONN-04, CONN-09: a client without leases doesn't send L, and needs neither wait for a LEASE nor send one", () => {
    const client = newClient();
    expect(client.sent()).to.deep.equal([SETUP, KEEPALIVE_R]);
  });

  it("CONN-05: SETUP with L is refused with UNSUPPORTED_SETUP by a server without leases", () => {
    expectRefused(setup({ header: "00000000 0440" }), "00000002");
  });

  it("CONN-05: no LEASE goes out when SETUP has no L", () => {
    const server = newServer();
    server.receive(SETUP);
    expect(server.sent()).to.deep.equal([]);
  });

  it("CONN-06: requests of the server follow the acceptance of SETUP, without waiting for anything", () => {
    const server = newServer();
    server.receive(SETUP);
    server.open("request_response", { data: "61" });
    expect(server.sent()).to.deep.equal([hex`00000002 1000 61`]);
  });

  it("CONN-07: an application's refusal goes out as REJECTED_SETUP with its text, then the connection ends", () => {
    const server = newServer({ manualAccept: true });
    server.receive(SETUP, hex`00000001 1000 61`);
    server.connection.reject(0x003, bytesOf(textHex("who are you")), "unknown user");
    expect(server.sent()).to.deep.equal([
      hex`
        00000000   // stream 0
        2c00       // ERROR
        00000003   // REJECTED_SETUP
        ${textHex("who are you")}
      `,
    ]);
    expect(server.log).to.deep.equal(["setup", "closed 0x3 local"]);
    expect(server.calls, "the request behind it").to.deep.equal([]);
  });

  it("CONN-07: a SETUP that is cut short is answered INVALID_SETUP", () => {
    for (let length = 6; length < SETUP.length / 2; length++) {
      expectRefused(SETUP.slice(0, 2 * length), "00000001");
    }
  });

  it("CONN-08: a server without leases has no LEASE to wait for: SETUP with L never gets so far", () => {
    const server = newServer();
    server.receive(setup({ header: "00000000 0440" }));
    expect(() => server.open("request_response")).to.throw("lease");
    server.sent();
  });

  for (const [name, frame] of [
    ["the answer to the KEEPALIVE", KEEPALIVE],
    ["a KEEPALIVE with R", KEEPALIVE_R],
    ["a request", hex`00000002 1000 61`],
    ["a METADATA_PUSH", hex`00000000 3100 6d`],
    ["a LEASE", hex`00000000 0800 00000064 00000001`],
    ["a PAYLOAD", hex`00000001 2860 62`],
    ["an ERROR on a stream", hex`00000001 2c00 00000201`],
  ] as const) {
    it(`CONN-10: ${name} shows a client that its SETUP was accepted`, () => {
      const client = newClient();
      client.open("request_response");
      client.sent();
      expect(client.connection.state).to.equal("opening");
      client.receive(frame);
      expect(client.connection.state).to.equal("open");
      expect(client.log.filter((entry) => entry === "established")).to.have.length(1);
    });
  }

  for (const code of ["00000001", "00000002", "00000003", "00000101", "00000102", "00000201", "00000301"]) {
    it(`CONN-10: ERROR 0x${code} on stream 0 in the place of that refuses the SETUP; pending requests fail`, () => {
      const client = newClient();
      const { log } = client.open("request_response");
      client.sent();
      client.receive(hex`
        00000000   // stream 0
        2c00       // ERROR
        ${code}
        6e6f       // "no"
      `);
      const number = Number.parseInt(code, 16).toString(16);
      expect(log).to.deep.equal([`error connection 0x${number} remote`]);
      expect(client.log).to.deep.equal([`closed 0x${number} remote`]);
      expect(client.connection.closeReason?.message).to.contain("no");
      expect(client.sent()).to.deep.equal([]);
      expect(() => client.open("request_response")).to.throw("no");
    });
  }

  it("CONN-11: no request is made before there is a connection that was set up", () => {
    const server = newServer();
    expect(() => server.open("request_response")).to.throw("not open yet");
    const accepting = newServer({ manualAccept: true });
    accepting.receive(SETUP);
    expect(() => accepting.open("request_response")).to.throw("not open yet");
    expect(accepting.sent()).to.deep.equal([]);
  });

  it("CONN-12: no PAYLOAD goes out before SETUP is accepted, and none after it was refused", () => {
    const server = newServer({ manualAccept: true, onRequest: ({ stream }) => stream.next(bytesOf("62")) });
    server.receive(SETUP, hex`00000001 1000 61`, KEEPALIVE_R);
    expect(server.sent()).to.deep.equal([]);
    server.connection.accept();
    expect(server.sent()).to.deep.equal([KEEPALIVE, hex`00000001 2860 62`]);
    const refusing = newServer({ manualAccept: true, onRequest: ({ stream }) => stream.next(bytesOf("62")) });
    refusing.receive(SETUP, hex`00000001 1000 61`);
    refusing.connection.reject(0x003, bytesOf(""), "no");
    refusing.receive(hex`00000003 1000 61`);
    expect(refusing.sent()).to.deep.equal([refusal("00000003")]);
  });

  it("CONN-12: frames behind SETUP wait and are handled in order when it is accepted", () => {
    const server = newServer({ manualAccept: true });
    server.receive(
      SETUP,
      hex`00000001 1800 00000001 61`,
      hex`00000001 2000 00000002`,
      hex`00000003 1000 62`,
      hex`00000003 2400`,
    );
    expect(server.calls).to.deep.equal([]);
    server.connection.accept();
    expect(server.calls.map(({ data, log }) => [data, log])).to.deep.equal([
      ["61", ["request 2"]],
      ["62", ["cancel"]],
    ]);
  });

  it("CONN-12: a connection that is lost while SETUP is being accepted is simply over", () => {
    const server = newServer({ manualAccept: true });
    server.receive(SETUP, hex`00000001 1000 61`);
    server.lose();
    server.connection.accept();
    expect(server.calls).to.deep.equal([]);
    expect(server.log).to.deep.equal(["setup", "closed 0x101 remote"]);
  });

  for (const version of ["0001 0001", "0000 0001", "0000 0002", "0002 0000", "0000 0000"]) {
    it(`CONN-13: version ${version} is answered INVALID_SETUP, whatever else SETUP says`, () => {
      expectRefused(setup({ version }), "00000001");
      expectRefused(setup({ version, header: "00000000 0440" }), "00000001");
    });
  }

  it("CONN-13: a client announces 1.0", () => {
    expect(newClient().sent()[0]?.slice(12, 20)).to.equal("00010000");
  });
});
