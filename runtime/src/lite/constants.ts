// SPDX-License-Identifier: Apache-2.0
// Numbers of a client that only calls, in a file of their own: bundlers put them in the place of their names.

/** Stream id, type and flags, in front of every frame: the least that one has. */
export const HEADER_BYTES = 6;
/** The length in front of each frame; it doesn't count itself. */
export const LENGTH_PREFIX_BYTES = 3;
/** Both. */
export const FRAME_HEAD_BYTES = 9;
/** The length in front of metadata where data follows it. */
export const METADATA_LENGTH_BYTES = 3;
/** What three bytes of length can say. */
export const MAX_FRAME_BYTES = 0xffffff;

/** States of a connection. Before any frame but ERROR on stream 0 came. */
export const OPENING = 0;
/** The server has accepted. With a reason to end there are no new streams; when the last is over, so is the connection. */
export const OPEN = 1;
/** The end. */
export const CLOSED = 2;

/** Items asked for at first, unless the caller says how many. */
export const FIRST_ITEMS = 32;
/** And at most, where the consumer keeps up. */
export const MOST_ITEMS = 256;
/** And at least, however large they are. */
export const LEAST_ITEMS = 4;
/** Beyond the first, as many are asked for as make up so many bytes. */
export const WINDOW_BYTES = 1_048_576;
/** A client stream's answer is one message; the second credit shows when there are two. */
export const ANSWER_CREDIT = 2;
/** Of what a source throws the peer hears no more. */
export const MAX_ERROR_CHARACTERS = 1_000;
/** What a peer's frames of an ended stream may still be, beside those it has credit for. */
export const LATE_FRAMES = 8;
/** What an empty fragment counts: it costs us work and its sender nothing. */
export const EMPTY_FRAGMENT_COUNT = 64;

/** Items that all calls together take per turn of the event loop. Enough that giving way costs nothing per item. */
export const TURN_ITEMS = 256;
/** Milliseconds that they take. */
export const TURN_MS = 1;

/** The largest metadata that is sent with an Envelope, as the peer's limit is by default. */
export const MAX_METADATA_BYTES = 65_536;
/** The well-known id of authentication entries, 0x7c, marked as an id. */
export const AUTHENTICATION = 0xfc;
/** The same of their type "bearer", 0x01. */
export const BEARER = 0x81;
/** The longest part of RPC metadata: old peers read its length as a signed number. */
export const MAX_PART_BYTES = 32_767;
/** Headers, or trailers, of an Envelope. */
export const MAX_HEADERS = 128;
/** Details of a status. */
export const MAX_DETAILS = 8_192;
/** In KEEPALIVE, the last received position: of nobody who resumes. */
export const POSITION_BYTES = 8;

/** Error codes of a connection (RSocket 1.0 §Error Codes). Above this SETUP was refused because of what it says. */
export const REJECTED_SETUP = 0x003;
/** A rule was broken, or a limit. */
export const CONNECTION_ERROR = 0x101;
/** An end in order. */
export const CONNECTION_CLOSE = 0x102;
/** Of a stream: an application says so. */
export const APPLICATION_ERROR = 0x201;
/** It certainly wasn't processed. */
export const REJECTED = 0x202;
/** It was given up. */
export const CANCELED = 0x203;
/** It can't be meant. */
export const INVALID = 0x204;

/** Above this the sender is told to stop. The platform doesn't tell when it has drained, so it must last a poll or two. */
export const HIGH_WATER_BYTES = 524_288;
/** And here that it may go on. */
export const LOW_WATER_BYTES = 262_144;
/** How often to look whether half of that is gone; browsers turn less into 4 ms. */
export const DRAIN_POLL_MS = 5;
/** A WebSocket that is open. */
export const SOCKET_OPEN = 1;
/** A WebSocket's code of an end in order, with a word or without (RFC 6455 §7.4.1). */
export const NORMAL_CLOSE = 1000;
/** The server, or the page, goes away. */
export const GOING_AWAY = 1001;
/** None was given. */
export const NO_CODE = 1005;
/** Of ours: no orderly end. Scripts may send 1000 and 3000 … 4999 only. */
export const ABORTED = 4000;
