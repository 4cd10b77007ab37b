// SPDX-License-Identifier: Apache-2.0
// A frame as one line.

import { expect } from "chai";
import { describeFrame } from "../../../runtime/src/frames/describe.js";
import { bytesOf, hex, repeat, textHex } from "../../support/frames-dsl.js";
import { random } from "../../support/rng.js";
import { SPECIMENS } from "./catalogue.js";

function line(digits: string): string {
  return describeFrame(bytesOf(digits));
}

describe("describeFrame", () => {
  const LINES: readonly (readonly [hex: string, line: string])[] = [
    [
      `0000000005c0${"00010000"}${"00004e20"}${"00015f90"}${"000174"}${"03612f62"}${"03632f64"}${"0000026d64"}68`,
      'SETUP stream 0 [R L] version 1.0 keepalive 20000 ms lifetime 90000 ms "a/b" "c/d" metadata 2 bytes data 1 bytes',
    ],
    [
      `000000000400${"00010000"}${"00004e20"}${"00015f90"}${"00"}${"00"}`,
      'SETUP stream 0 version 1.0 keepalive 20000 ms lifetime 90000 ms "" "" data 0 bytes',
    ],
    ["000000000800" + "000003e8" + "00000005", "LEASE stream 0 ttl 1000 ms requests 5"],
    ["000000000900" + "000003e8" + "00000005", "LEASE stream 0 ttl 1000 ms requests 5 metadata 0 bytes"],
    ["000000000c80" + "0000000000000000" + "64", "KEEPALIVE stream 0 [R] position 0 data 1 bytes"],
    ["000000000c00" + "0000000000000007", "KEEPALIVE stream 0 position 7 data 0 bytes"],
    ["000000011180" + "000000" + "68", "REQUEST_RESPONSE stream 1 [F] metadata 0 bytes data 1 bytes"],
    ["000000031400" + "6869", "REQUEST_FNF stream 3 data 2 bytes"],
    ["000000021800" + "7fffffff", "REQUEST_STREAM stream 2 n 2147483647 data 0 bytes"],
    ["000000051cc0" + "00000001" + "68", "REQUEST_CHANNEL stream 5 [F C] n 1 data 1 bytes"],
    ["000000012000" + "00000100", "REQUEST_N stream 1 n 256"],
    ["000000012400", "CANCEL stream 1"],
    ["0000000129e0" + "0000016d", "PAYLOAD stream 1 [F C N] metadata 1 bytes data 0 bytes"],
    ["000000012800", "PAYLOAD stream 1 data 0 bytes"],
    ["000000002c00" + "00000003" + "6e6f", 'ERROR stream 0 REJECTED_SETUP (0x003) "no"'],
    ["000000012c00" + "fffffffe", 'ERROR stream 1 0xfffffffe ""'],
    ["000000003100" + "6d64", "METADATA_PUSH stream 0 metadata 2 bytes"],
    [
      `000000003400${"00010000"}${"000174"}${"0000000000000001"}${"0000000000000002"}`,
      "RESUME stream 0 server position 1 client position 2",
    ],
    ["000000003800" + "0000000000000009", "RESUME_OK stream 0 client position 9"],
    ["00000000fe00" + "00000009", "EXT stream 0 [I] extended type 9 data 0 bytes"],
    ["00000007fd00" + "00000009" + "0000016d", "EXT stream 7 extended type 9 metadata 1 bytes data 0 bytes"],
  ];
  for (const [digits, expected] of LINES) {
    it(expected, () => {
      expect(line(digits)).to.equal(expected);
    });
  }

  it("shows what is no frame as hex, with the reason", () => {
    expect(line("0000")).to.equal("no frame: 0000 (frame of 2 bytes, expected at least 6 (RSocket 1.0 §Framing))");
    expect(line(`000000013c00${repeat("61", 40)}`)).to.equal(
      `no frame: 000000013c00${repeat("61", 26)}… (14 bytes more) ` +
        "(frame type 0x0f on stream 1 is not defined (RSocket 1.0 §Frame Types))",
    );
  });

  it("escapes what a peer wrote: a line stays one line", () => {
    const text = 'a"b\r\nSETUP stream 0\u0000\u001b[2J';
    const error = line(`000000012c00${"00000201"}${textHex(text)}`);
    expect(error).to.equal(
      String.raw`ERROR stream 1 APPLICATION_ERROR (0x201) "a\"b\r\nSETUP stream 0\u0000\u001b[2J"`,
    );
    const setup = hex`
      00000000           // stream 0
      0400               // SETUP, no flags
      0001 0000          // version 1.0
      00004e20           // keepalive every 20,000 ms
      00015f90           // lifetime 90,000 ms
      03 610a62          // metadata mime type a, line feed, b
      01 1b              // data mime type ESC
    `;
    expect(line(setup)).to.contain(String.raw` ms "a\nb" "\u001b" data 0 bytes`);
  });

  it("shows 200 characters of an error's text, whole ones", () => {
    const head = `000000012c00${"00000201"}`;
    const shown = (text: string): string =>
      JSON.parse(line(head + textHex(text)).slice("ERROR stream 1 APPLICATION_ERROR (0x201) ".length)) as string;
    expect(shown("a".repeat(201))).to.equal("a".repeat(200));
    expect(shown("漢".repeat(300))).to.equal("漢".repeat(200));
    expect(shown("🚀".repeat(300))).to.equal("🚀".repeat(100));
    expect(shown("é".repeat(200))).to.equal("é".repeat(200));
  });

  it(
    "is one line and never throws, whatever the bytes are",
    random((rng) => {
      for (let round = 0; round < 1_000; round++) {
        const bytes = rng.oneIn(3) ? rng.bytes(rng.below(60)) : bytesOf(rng.pick(SPECIMENS).hex);
        for (let i = rng.below(3); i > 0 && bytes.length > 0; i--) bytes[rng.below(bytes.length)] = rng.below(256);
        const start = rng.below(Math.min(3, bytes.length + 1));
        const text = describeFrame(bytes, start, start + rng.below(bytes.length - start + 1));
        expect(text).to.match(/^[A-Z_]+ stream \d+( .*)?$|^no frame: /);
        expect(text.split(/[\r\n]/), text).to.have.length(1);
      }
    }),
  );
});
