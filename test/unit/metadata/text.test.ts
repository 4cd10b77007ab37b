// SPDX-License-Identifier: Apache-2.0
// Texts cut to a number of bytes; lengths that are handed out once.

import { expect } from "chai";
import { allocate } from "../../../runtime/src/metadata/allocate.js";
import { formatOf } from "../../../runtime/src/metadata/formats.js";
import { metadataModeOf } from "../../../runtime/src/metadata/mode.js";
import { truncateUtf8 } from "../../../runtime/src/metadata/text.js";
import { Random } from "../../support/rng.js";

const encoder = new TextEncoder();

describe("truncateUtf8", () => {
  it("keeps what fits and cuts between characters", () => {
    expect(truncateUtf8("abc", 3)).to.equal("abc");
    expect(truncateUtf8("abc", 2)).to.equal("ab");
    expect(truncateUtf8("aé", 2)).to.equal("a");
    expect(truncateUtf8("aé", 3)).to.equal("aé");
    expect(truncateUtf8("漢字", 5)).to.equal("漢");
    expect(truncateUtf8("🚀🚀", 7)).to.equal("🚀");
    expect(truncateUtf8("🚀", 3)).to.equal("");
    expect(truncateUtf8("a", 0)).to.equal("");
  });

  it("gives the longest whole beginning of any text", () => {
    const random = new Random();
    for (let i = 0; i < 2_000; i++) {
      const text = random.text(20);
      const maxBytes = random.below(40);
      const cut = truncateUtf8(text, maxBytes);
      const [next = ""] = text.slice(cut.length);
      const message = `seed ${random.seed}, ${JSON.stringify(text)}, ${maxBytes}`;
      expect(text.startsWith(cut), message).to.equal(true);
      expect(encoder.encode(cut).length, message).to.be.at.most(maxBytes);
      if (next !== "") expect(encoder.encode(cut + next).length, message).to.be.above(maxBytes);
    }
  });
});

describe("allocate", () => {
  it("gives zero bytes that nobody else has", () => {
    const random = new Random();
    const pieces: Uint8Array[] = [];
    for (let i = 0; i < 500; i++) {
      const piece = allocate(random.below(1_500));
      expect(
        piece.every((byte) => byte === 0),
        `seed ${random.seed}`,
      ).to.equal(true);
      pieces.push(piece.fill((i % 255) + 1));
    }
    pieces.forEach((piece, i) => {
      expect(
        piece.every((byte) => byte === (i % 255) + 1),
        `seed ${random.seed}`,
      ).to.equal(true);
    });
  });
});

describe("the metadata mode", () => {
  it("is composite for that mime type and rpc for all others", () => {
    expect(metadataModeOf("message/x.rsocket.composite-metadata.v0")).to.equal("composite");
    for (const mimeType of ["application/binary", "application/octet-stream", "message/x.rsocket.routing.v0", ""]) {
      expect(metadataModeOf(mimeType), mimeType).to.equal("rpc");
    }
  });

  it("announces the mime types that old peers and routers expect", () => {
    expect(formatOf("rpc").mimeTypes).to.deep.equal({
      metadataMimeType: "application/binary",
      dataMimeType: "application/binary",
    });
    expect(formatOf("composite").mimeTypes).to.deep.equal({
      metadataMimeType: "message/x.rsocket.composite-metadata.v0",
      dataMimeType: "application/x-protobuf",
    });
  });
});
