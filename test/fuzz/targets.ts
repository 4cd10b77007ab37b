// SPDX-License-Identifier: Apache-2.0
// What is fed with bytes, and where the bytes come from.

import { anyChoices, anyEnvelope, anyFrame, anyMetadata, byteStream, conversation, type Inputs } from "./inputs.js";
import { run as runClient } from "./targets/client.js";
import { run as runComposite } from "./targets/composite.js";
import { run as runDeframer } from "./targets/deframer.js";
import { run as runEnvelope } from "./targets/envelope.js";
import { run as runFrame } from "./targets/frame.js";
import { run as runIgnorable } from "./targets/ignorable.js";
import { run as runLite } from "./targets/lite.js";
import { run as runRpcMetadata } from "./targets/rpc-metadata.js";
import { run as runServer } from "./targets/server.js";

/** Something that reads bytes of a peer. */
export interface FuzzTarget {
  readonly name: string;
  /** Another target's corpus, where there is none of its own. */
  readonly corpus?: string;
  readonly inputs: Inputs;
  /** Throws when a promise is broken. Any bytes may come. */
  run(input: Uint8Array): void | Promise<void>;
}

export const TARGETS: readonly FuzzTarget[] = [
  { name: "frame", inputs: anyFrame, run: runFrame },
  { name: "deframer", inputs: byteStream, run: runDeframer },
  { name: "composite", inputs: anyMetadata, run: runComposite },
  { name: "rpc-metadata", inputs: anyMetadata, run: runRpcMetadata },
  { name: "envelope", inputs: anyEnvelope, run: runEnvelope },
  { name: "server", inputs: conversation("server"), run: runServer },
  { name: "ignorable", inputs: anyChoices, run: runIgnorable },
  { name: "client", inputs: conversation("client"), run: runClient },
  { name: "lite", corpus: "client", inputs: conversation("client"), run: runLite },
];
