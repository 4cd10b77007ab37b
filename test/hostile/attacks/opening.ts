// SPDX-License-Identifier: Apache-2.0
// What comes before, as and behind SETUP (RSocket 1.0 §Connection Establishment, §SETUP).

import { repeat, textHex } from "../../support/frames-dsl.js";
import { type Assault, type Attack, expectOutcome, expectServed, sleep } from "../attack.js";
import {
  cancel,
  channel,
  error,
  Flag,
  fireAndForget,
  header,
  keepalive,
  payload,
  requestN,
  resume,
  setup,
  simple,
  stream,
  Type,
  unary,
} from "../bytes.js";
import { PASSWORD } from "../profiles.js";

const TOKEN = repeat("ab", 16);

const FIRST_FRAMES: Readonly<Record<string, string>> = {
  REQUEST_RESPONSE: unary(1),
  REQUEST_FNF: fireAndForget(1),
  REQUEST_STREAM: stream(1, 1),
  REQUEST_CHANNEL: channel(1, 1),
  PAYLOAD: payload(1, "00"),
  REQUEST_N: requestN(1, 1),
  CANCEL: cancel(1),
  KEEPALIVE: keepalive(),
  METADATA_PUSH: header(0, Type.METADATA_PUSH),
  LEASE: `${header(0, Type.LEASE)}0000000100000001`,
  ERROR: error(0, 0x101),
  RESUME_OK: `${header(0, Type.RESUME_OK)}0000000000000000`,
  EXT: `${header(0, Type.EXT, Flag.IGNORE)}00000001`,
  "an unknown type to be ignored": header(0, 0x2a, Flag.IGNORE),
  "SETUP on stream 7": setup({ streamId: 7 }),
};

const REFUSED_SETUPS: Readonly<Record<string, string>> = {
  "version 0.0": setup({ version: "00000000" }),
  "version 0.2": setup({ version: "00000002" }),
  "version 1.1": setup({ version: "00010001" }),
  "version 2.0": setup({ version: "00020000" }),
  "version 65535.65535": setup({ version: "ffffffff" }),
  "a keepalive interval of 0": setup({ keepalive: "00000000" }),
  "a lifetime of 0": setup({ lifetime: "00000000" }),
};

const LIVING_SETUPS: Readonly<Record<string, string>> = {
  "the longest times": setup({ keepalive: "7fffffff", lifetime: "7fffffff" }),
  "times a timer has no room for": setup({ keepalive: "7ffffffe", lifetime: "7ffffffe" }),
  "a keepalive interval of 1 ms": setup({ keepalive: "00000001" }),
  "a mime type of no letters": setup({ mimeTypes: "0000" }),
  "a mime type of 255 letters": setup({ mimeTypes: `ff${repeat("61", 255)}0161` }),
  "a mime type that isn't text": setup({ mimeTypes: "03fffefd0161" }),
  "64 KiB less a bit of data": setup({ rest: repeat("00", 65_000) }),
};

export const openingAttacks: readonly (Attack | Assault)[] = [
  ...Object.entries(FIRST_FRAMES).map(
    ([name, frame]): Attack => ({
      threat: 10,
      name: `${name} in the place of SETUP`,
      opens: false,
      sends: [frame],
      outcome: { ends: "INVALID_SETUP", saying: /expected/ },
    }),
  ),
  { threat: 10, name: "a second SETUP", sends: [setup()], outcome: "ignored" },
  {
    threat: 10,
    name: "a second SETUP of another version",
    sends: [setup({ version: "00020000" })],
    outcome: "ignored",
  },
  {
    threat: 10,
    name: "a second SETUP amid a stream that lives on",
    async run(scene) {
      const peer = await scene.open();
      peer.send(unary(1, simple({ delayMs: 100, payload: "aa" })), setup());
      await expectOutcome(peer, { serves: 1 });
    },
  },
  ...Object.entries(REFUSED_SETUPS).map(
    ([name, frame]): Attack => ({
      threat: 11,
      name: `SETUP with ${name}`,
      opens: false,
      sends: [frame, unary(1)],
      outcome: { ends: "INVALID_SETUP", saying: /expected/ },
    }),
  ),
  ...Object.entries(LIVING_SETUPS).map(
    ([name, frame]): Attack => ({
      threat: 11,
      name: `SETUP with ${name}`,
      opens: false,
      sends: [frame],
      outcome: "ignored",
    }),
  ),
  {
    threat: 11,
    name: "a lifetime of 1 ms",
    async run(scene) {
      const peer = await scene.open(setup({ keepalive: "00000001", lifetime: "00000001" }));
      // It is raised to half a second since the server heard of its client last, which is later.
      const begunMs = performance.now();
      await expectServed(peer);
      await peer.ended(2_000);
      const livedMs = performance.now() - begunMs;
      if (livedMs < 499) throw new Error(`it lived ${livedMs} ms`);
    },
  },
  {
    threat: 3,
    name: "a SETUP above 64 KiB",
    opens: false,
    sends: [setup({ rest: repeat("00", 65_600) })],
    outcome: { ends: "INVALID_SETUP", saying: /expected/ },
  },
  {
    threat: 38,
    name: "SETUP that asks for resumption where there is none",
    opens: false,
    sends: [setup({ token: TOKEN })],
    outcome: { ends: "REJECTED_SETUP", saying: /resumption is not supported/ },
  },
  {
    threat: 38,
    name: "SETUP that asks for leases where there are none",
    opens: false,
    sends: [setup({ flags: Flag.LEASE })],
    outcome: { ends: "UNSUPPORTED_SETUP", saying: /lease is not supported/ },
  },
  {
    threat: 38,
    name: "RESUME where there is no resumption",
    opens: false,
    sends: [resume(TOKEN, 0, 0)],
    outcome: { ends: "REJECTED_RESUME", saying: /not supported/ },
  },
  {
    threat: 50,
    name: "calls behind a SETUP that is being judged, and refused",
    at: "guarded",
    opens: false,
    sends: [setup(), unary(1, simple({ payload: "aa" })), fireAndForget(3), stream(5, 1)],
    outcome: { ends: "REJECTED_SETUP", saying: /who are you/ },
  },
  {
    threat: 50,
    name: "calls behind a SETUP that is being judged never begin before it is accepted",
    at: "guarded",
    async run(scene) {
      const { counts } = await scene.condition();
      const peer = await scene.open();
      peer.send(unary(1, simple({ payload: "aa" })));
      await sleep(50);
      const meanwhile = (await scene.condition()).counts;
      await expectOutcome(peer, { ends: "REJECTED_SETUP", saying: /who are you/ });
      const after = (await scene.condition()).counts;
      // The honest client's calls are counted, too; they are more than none, and this one isn't among the fired.
      if (after.fired !== counts.fired || meanwhile.fired !== counts.fired) throw new Error("a handler ran");
      if (peer.frames.some(({ type }) => type === "PAYLOAD")) throw new Error("a call was answered");
    },
  },
  {
    threat: 50,
    name: "4 MiB behind a SETUP that is being judged: reading pauses, all is served afterwards",
    at: "guarded",
    async run(scene) {
      const peer = await scene.open(setup({ flags: Flag.METADATA, rest: `00000b${textHex(PASSWORD)}` }));
      const request = simple({ payload: repeat("aa", 16_000) });
      const count = 256;
      for (let i = 0; i < count; i++) peer.send(unary(2 * i + 1, request));
      await peer.until("all answers", () => peer.tally.get("PAYLOAD") === count);
    },
  },
];
