// SPDX-License-Identifier: Apache-2.0
// The four interaction models as two half-streams each (RSocket 1.0 §Stream Sequences and Lifetimes).
//
//                 requester                                responder
//            sends        receives                    sends        receives
//   FNF      –            –                           –            –
//   RESPONSE –            open, 1 item                open, 1 item –
//   STREAM   –            open, n items               open, n items –
//   CHANNEL  open, 0      open, n items               open, n items open, 0        (the first item is in the request)
//
//   half:  open ──COMPLETE──▶ closed        a stream is over when both halves are closed
//          open ──CANCEL / ERROR──▶ closed  (both halves at once, but for a CANCEL from a channel's responder: its
//                                            sending half goes on)

import { readFlags, readFrameType } from "../frames/header.js";
import { Flag, FrameType, HEADER_BYTES, INITIAL_REQUEST_N_BYTES } from "../frames/layout.js";
import { readPayloadStart } from "../frames/payload-start.js";

/** The interaction models. */
export const Interaction = {
  FIRE_AND_FORGET: "fire_and_forget",
  REQUEST_RESPONSE: "request_response",
  REQUEST_STREAM: "request_stream",
  REQUEST_CHANNEL: "request_channel",
} as const;
/** One of the interaction models. */
export type Interaction = (typeof Interaction)[keyof typeof Interaction];

/** What a stream of an interaction begins with, on the requester's side; the responder's is its mirror. */
export interface InteractionPreset {
  readonly interaction: Interaction;
  /** The type of the request frame. */
  readonly frameType: number;
  /** The requester sends items behind the request. */
  readonly requesterSends: boolean;
  /** The responder sends items. */
  readonly responderSends: boolean;
  /** The request frame says how many items the requester wants. */
  readonly hasInitialN: boolean;
}

const PRESETS: readonly InteractionPreset[] = [
  {
    interaction: Interaction.REQUEST_RESPONSE,
    frameType: FrameType.REQUEST_RESPONSE,
    requesterSends: false,
    responderSends: true,
    hasInitialN: false,
  },
  {
    interaction: Interaction.FIRE_AND_FORGET,
    frameType: FrameType.REQUEST_FNF,
    requesterSends: false,
    responderSends: false,
    hasInitialN: false,
  },
  {
    interaction: Interaction.REQUEST_STREAM,
    frameType: FrameType.REQUEST_STREAM,
    requesterSends: false,
    responderSends: true,
    hasInitialN: true,
  },
  {
    interaction: Interaction.REQUEST_CHANNEL,
    frameType: FrameType.REQUEST_CHANNEL,
    requesterSends: true,
    responderSends: true,
    hasInitialN: true,
  },
];

const BY_INTERACTION = new Map(PRESETS.map((preset) => [preset.interaction, preset]));

/** The preset of an interaction. */
export function presetOf(interaction: Interaction): InteractionPreset {
  const preset = BY_INTERACTION.get(interaction);
  if (preset === undefined) {
    throw new RangeError(
      `interaction ${String(interaction)}, expected one of ${[...BY_INTERACTION.keys()].join(", ")}`,
    );
  }
  return preset;
}

/** The preset of a request frame's type, or undefined for every other type. */
export function presetOfFrame(frameType: number): InteractionPreset | undefined {
  return PRESETS[frameType - FrameType.REQUEST_RESPONSE];
}

/** Whether a frame that begins with `head` is a fragment behind which more come, with all but data within `head`. */
export function isHeadOfFragment(head: Uint8Array): boolean {
  const type = readFrameType(head, 0);
  const preset = presetOfFrame(type);
  if (preset === undefined && type !== FrameType.PAYLOAD) return false;
  const flags = readFlags(head, 0);
  const at = HEADER_BYTES + (preset?.hasInitialN === true ? INITIAL_REQUEST_N_BYTES : 0);
  if ((flags & (Flag.FOLLOWS | Flag.COMPLETE)) !== Flag.FOLLOWS || at > head.length) return false;
  return readPayloadStart(head, at, head.length, flags) >= 0;
}
