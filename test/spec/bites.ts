// SPDX-License-Identifier: Apache-2.0
// For each requirement one line of the runtime that breaks it when it is changed. `npm run conformance:bite` makes the
// change in a copy and wants a test that names the requirement to fail.

/** One change: `find` stands exactly once in the file, on one line. */
export interface Bite {
  readonly id: string;
  /** Below runtime/src. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

type Row = readonly [id: string, file: string, find: string, replace: string];

const CONNECTION = "session/connection.ts";
const STREAM = "session/stream.ts";
const ENCODE = "frames/encode.ts";
const IDS = "session/stream-ids.ts";
const SETUP = "session/setup.ts";
const LEASE = "session/lease.ts";

/** The file from the repository's top. */
export function biteFile({ file }: Bite): string {
  return `runtime/src/${file}`;
}

const TRANSPORT: readonly Row[] = [
  ["FRM-01", "frames/header.ts", "bytes[at + 2] = frameBytes;", "bytes[at + 2] = frameBytes + 3;"],
  ["FRM-02", "bytes/slab.ts", "visit(chunk, at, at + byteLength);", "visit(chunk, at - 3, at + byteLength);"],
  ["FRM-03", "frames/deframer.ts", "return at + taken;", "return chunk.length;"],
  ["FRM-04", "session/outbound.ts", "return LENGTH_PREFIX_BYTES + payloadFrameBytes(", "return payloadFrameBytes("],
  ["FRM-05", "bytes/integers.ts", "bytes[at + 3] = value;", "bytes[at + 3] = value >>> 24;"],
  ["FRM-06", CONNECTION, "for (const stream of this.#streams.snapshot()) stream.connectionLost(this.#endError());", ""],
  ["FRM-07", CONNECTION, "if (end - start < HEADER_BYTES) {", "if (end < start) {"],
  [
    "HDR-01",
    ENCODE,
    "begin(writer, 0, streamId, FrameType.CANCEL, 0);",
    "begin(writer, 0, streamId, FrameType.CANCEL, 1);",
  ],
  [
    "HDR-02",
    CONNECTION,
    "const definedFlags = preset.requesterSends ? flags : flags & ~Flag.COMPLETE;",
    "const definedFlags = flags;",
  ],
  [
    "HDR-03",
    CONNECTION,
    "if (known || mayIgnore) return this.#countMeaningless();",
    "if (known) return this.#countMeaningless();",
  ],
  [
    "HDR-04",
    CONNECTION,
    "if (known || mayIgnore) return this.#countMeaningless();",
    "return this.#countMeaningless();",
  ],
  ["HDR-05", "bytes/integers.ts", "return readUint32(bytes, at) & 0x7fffffff;", "return readUint32(bytes, at);"],
  [
    "META-01",
    "frames/payload-start.ts",
    "const dataStart = at + METADATA_LENGTH_BYTES + readUint24(bytes, at);",
    "const dataStart = at + readUint24(bytes, at);",
  ],
  [
    "META-02",
    "frames/payload-start.ts",
    "return dataStart > end ? -1 : dataStart;",
    "return Math.min(dataStart, end);",
  ],
  [
    "META-03",
    CONNECTION,
    "this.#events.onMetadataPush(bytes.slice(start + HEADER_BYTES, end));",
    "this.#events.onMetadataPush(bytes.slice(start + HEADER_BYTES + 3, end));",
  ],
  [
    "META-04",
    ENCODE,
    "const allFlags = metadata === undefined ? flags : flags | Flag.METADATA;",
    "const allFlags = metadata === undefined || metadata.length === 0 ? flags : flags | Flag.METADATA;",
  ],
  [
    "META-05",
    STREAM,
    "if (metadata !== undefined && metadata.length > this.#host.settings.limits.maxMetadataBytes) {",
    "if (metadata !== undefined && (metadata[0] ?? 0) > 0x7f) {",
  ],
];

const STREAM_IDS: readonly Row[] = [
  [
    "SID-01",
    CONNECTION,
    "if (streamId === 0) this.#receiveOnConnection(bytes, start, end);",
    "if (streamId === 0 && presetOfFrame(readFrameType(bytes, start)) === undefined) this.#receiveOnConnection(bytes, start, end);",
  ],
  ["SID-02", "session/stream-table.ts", "this.#slots[slot] = stream;", "this.#slots[slot | 2] = stream;"],
  ["SID-03", IDS, 'this.#first = side === "client" ? 1 : 2;', "this.#first = 2;"],
  ["SID-04", IDS, 'this.#first = side === "client" ? 1 : 2;', "this.#first = 1;"],
  [
    "SID-05",
    IDS,
    "return id + 2 > this.#last ? this.#first : id + 2;",
    "return id + 4 > this.#last ? this.#first : id + 4;",
  ],
  [
    "SID-06",
    IDS,
    "return id + 2 > this.#last ? this.#first : id + 2;",
    "return id + 6 > this.#last ? this.#first : id + 6;",
  ],
  [
    "SID-07",
    CONNECTION,
    "if (streamId > this.#highestRemoteId) this.#highestRemoteId = streamId;",
    "if (streamId <= this.#highestRemoteId) return; else this.#highestRemoteId = streamId;",
  ],
  ["SID-08", IDS, "return id + 2 > this.#last ? this.#first : id + 2;", "return id + 2;"],
  [
    "SID-09",
    CONNECTION,
    "if (existing !== undefined) return this.#countMeaningless(); // UNX-01",
    'if (existing !== undefined) return this.#refuse(preset, streamId, flags, "in use");',
  ],
  ["SID-10", IDS, "if (id === start) return undefined;", "if (id === start) return id;"],
  ["SID-11", IDS, "this.#next = this.#behind(id);", "this.#next = this.#first;"],
];

const ESTABLISHMENT: readonly Row[] = [
  [
    "SETUP-01",
    ENCODE,
    "let at = begin(writer, bodyBytes, 0, FrameType.SETUP, flags);",
    "let at = begin(writer, bodyBytes, 1, FrameType.SETUP, flags);",
  ],
  [
    "SETUP-02",
    SETUP,
    "if (setup.streamId !== 0) {",
    'if (setup.streamId !== 0 || !setup.dataMimeType.includes("/")) {',
  ],
  [
    "SETUP-03",
    SETUP,
    "if (setup.keepaliveIntervalMs === 0 && !abilities.acceptZeroKeepalive) {",
    "if (setup.keepaliveIntervalMs < 0) {",
  ],
  [
    "SETUP-04",
    SETUP,
    "if (setup.maxLifetimeMs === 0 && !abilities.acceptZeroKeepalive) {",
    "if (setup.maxLifetimeMs < 0) {",
  ],
  [
    "SETUP-05",
    "frames/decode-opening.ts",
    '(flags & Flag.RESUME_ENABLE) === 0 ? undefined : reader.take(reader.uint16("token length"), "resume token");',
    'reader.take(reader.uint16("token length"), "resume token");',
  ],
  ["SETUP-06", ENCODE, "bytes[at] = metadataMimeBytes;", "bytes[at] = metadataMimeBytes + 1;"],
  [
    "SETUP-07",
    SETUP,
    "if (setup.resumeToken !== undefined && !abilities.resumption) {",
    "if (setup.resumeToken === undefined && setup.lease && !abilities.resumption) {",
  ],
  ["SETUP-08", "frames/decode-opening.ts", "...reader.body(),", "...reader.body(), metadata: undefined,"],
  ["CONN-01", CONNECTION, 'this.#setupStage = "setup";', 'this.#setupStage = "done";'],
  [
    "CONN-02",
    CONNECTION,
    "return this.#fail(ErrorCode.INVALID_SETUP, message);",
    "return this.#fail(ErrorCode.CONNECTION_ERROR, message);",
  ],
  [
    "CONN-03",
    CONNECTION,
    'return this.#state === "open" || this.#state === "opening";',
    'return this.#state === "open";',
  ],
  [
    "CONN-04",
    CONNECTION,
    "if (this.#leases !== undefined) this.#takeLease(this.#leases);",
    'if (this.#leases !== undefined && this.side === "server") this.#takeLease(this.#leases);',
  ],
  [
    "CONN-05",
    CONNECTION,
    "if (setup.lease && this.#leaseInit !== undefined) this.#leases = negotiatedLeases(this.#leaseInit);",
    "",
  ],
  [
    "CONN-06",
    CONNECTION,
    "const preset = presetOf(interaction);",
    'const preset = presetOf(interaction); if (this.side === "server" && this.#highestRemoteId === 0) throw this.#notOpenError();',
  ],
  [
    "CONN-07",
    CONNECTION,
    'this.#endWithError(new ConnectionError(code, message, "local"), data);',
    'this.#end(new ConnectionError(code, message, "local"), false);',
  ],
  [
    "CONN-08",
    CONNECTION,
    "if (this.#leases !== undefined) this.#takeLease(this.#leases);",
    'if (this.#leases !== undefined && this.side === "client") this.#takeLease(this.#leases);',
  ],
  [
    "CONN-09",
    CONNECTION,
    'if (ledger === undefined || this.#state !== "open" || !this.isLive) return;',
    'if (ledger === undefined || this.#state !== "open" || this.side === "client") return;',
  ],
  ["CONN-10", CONNECTION, 'if (this.#state === "opening") this.#confirm();', ""],
  [
    "CONN-11",
    CONNECTION,
    'return this.#state === "open" || this.#state === "opening";',
    'return this.#state !== "closed" && this.#state !== "draining";',
  ],
  [
    "CONN-12",
    CONNECTION,
    'if (this.#state === "accepting" || this.#held !== undefined) return this.#hold(bytes, start, end);',
    "",
  ],
  [
    "CONN-13",
    SETUP,
    "if (majorVersion !== MAJOR_VERSION || minorVersion !== MINOR_VERSION) {",
    "if (majorVersion !== MAJOR_VERSION) {",
  ],
];

const ERRORS: readonly Row[] = [
  [
    "ERR-01",
    "frames/errors.ts",
    'return code > 0x300 && code < 0xffffffff ? "stream" : "reserved";',
    'return code > 0x200 && code < 0xffffffff ? "stream" : "reserved";',
  ],
  [
    "ERR-02",
    ENCODE,
    "const at = begin(writer, 4 + data.length, streamId, FrameType.ERROR, 0);",
    "const at = begin(writer, 5 + data.length, streamId, FrameType.ERROR, 0);",
  ],
  ["ERR-03", CONNECTION, "if (code === ErrorCode.CONNECTION_ERROR) return this.#end(error, false);", ""],
  [
    "ERR-04",
    CONNECTION,
    "if (code === ErrorCode.CONNECTION_ERROR) return this.#end(error, false);",
    "if (code === ErrorCode.CONNECTION_ERROR || code === ErrorCode.CONNECTION_CLOSE) return this.#end(error, false);",
  ],
  [
    "ERR-05",
    CONNECTION,
    "else stream.receiveError(readUint32(bytes, body), bytes.subarray(body + 4, end));",
    "else stream.receiveError(readUint31(bytes, body), bytes.subarray(body + 4, end));",
  ],
  [
    "ERR-06",
    "rsocket/responder.ts",
    "stream.error(ErrorCode.APPLICATION_ERROR, INTERNAL_ERROR);",
    "stream.error(ErrorCode.CANCELED, INTERNAL_ERROR);",
  ],
  [
    "ERR-07",
    STREAM,
    "const code = this.#assemblingRequest ? ErrorCode.REJECTED : ErrorCode.CANCELED;",
    "const code = ErrorCode.REJECTED;",
  ],
];

const KEEPALIVE: readonly Row[] = [
  [
    "KA-01",
    ENCODE,
    "const at = begin(writer, 8 + data.length, 0, FrameType.KEEPALIVE, respond ? Flag.RESPOND : 0);",
    "const at = begin(writer, 8 + data.length, 1, FrameType.KEEPALIVE, respond ? Flag.RESPOND : 0);",
  ],
  [
    "KA-02",
    "session/keepalive.ts",
    "this.#intervalMs = intervalMs === MAX_31_BIT ? 0 : intervalMs;",
    "this.#intervalMs = intervalMs === MAX_31_BIT ? 0 : 2 * intervalMs;",
  ],
  [
    "KA-03",
    CONNECTION,
    "const intervalMs = this.settings.serverKeepalive ? setup.keepaliveIntervalMs : 0;",
    "const intervalMs = 0;",
  ],
  ["KA-04", CONNECTION, "const isAnswer = (flags & Flag.RESPOND) === 0;", "const isAnswer = true;"],
  ["KA-05", CONNECTION, "const data = bytes.subarray(position + 8, end);", "const data = EMPTY;"],
  [
    "KA-06",
    CONNECTION,
    "encodeKeepalive(this.outbound.priority, false, this.#resumption?.receivedPosition ?? 0, data);",
    "encodeKeepalive(this.outbound.priority, false, readUint63(bytes, position), data);",
  ],
  [
    "KA-07",
    "session/keepalive.ts",
    "return silenceMs >= this.#lifetimeMs ? silenceMs : undefined;",
    "return silenceMs >= this.#lifetimeMs / 2 ? silenceMs : undefined;",
  ],
  ["KA-08", CONNECTION, "const isAnswer = (flags & Flag.RESPOND) === 0;", "const isAnswer = false;"],
];

const INTERACTIONS: readonly Row[] = [
  [
    "RR-01",
    STREAM,
    "outbound.writePayload(this.id, FrameType.PAYLOAD, Flag.NEXT | Flag.COMPLETE, -1, metadata, data);",
    "outbound.writePayload(this.id, FrameType.PAYLOAD, Flag.NEXT, -1, metadata, data);",
  ],
  ["RR-02", STREAM, 'if (told) this.sink.onError(new StreamError(code, data.slice(), "remote"));', ""],
  [
    "RR-03",
    STREAM,
    "if (!this.#answered) this.#host.countCancel();",
    "if (!this.#answered) return this.#host.countCancel();",
  ],
  ["FNF-01", STREAM, "if (this.interaction === Interaction.FIRE_AND_FORGET) return;", ""],
  ["FNF-02", STREAM, "if (this.isHandingOver) return this.#host.countLate();", ""],
  ["RS-01", STREAM, "if (complete) this.complete();", ""],
  [
    "RS-02",
    STREAM,
    "encodeError(outbound.data, this.id, code, data);",
    "encodeError(outbound.data, this.id, code, data); encodeCancel(outbound.data, this.id);",
  ],
  ["RS-03", STREAM, "if (wasOpen && !unheard) this.#write(() => encodeCancel(this.#host.outbound.data, this.id));", ""],
  [
    "RS-04",
    STREAM,
    "if (n === 0 || !this.#sendOpen || this.interaction === Interaction.REQUEST_RESPONSE) return;",
    "if (n === 0 || !this.#sendOpen || this.#assemblingRequest) return;",
  ],
  [
    "RS-05",
    STREAM,
    "if (!this.#receiveOpen || this.interaction === Interaction.REQUEST_RESPONSE) return;",
    "if (this.interaction === Interaction.REQUEST_RESPONSE) return;",
  ],
  [
    "RC-01",
    STREAM,
    "this.#host.dispatch(this, metadata, data, ended);",
    "this.#host.dispatch(this, metadata, NO_BYTES, ended);",
  ],
  [
    "RC-02",
    STREAM,
    "outbound.writePayload(this.id, FrameType.PAYLOAD, Flag.NEXT, -1, metadata, data);",
    "outbound.writePayload(this.id, FrameType.REQUEST_CHANNEL, Flag.NEXT, 1, metadata, data);",
  ],
  [
    "RC-03",
    STREAM,
    "if (this.#surplus?.end === undefined) this.#sendRequestN(capped);",
    "if (this.#surplus?.end === undefined && capped > 1) this.#sendRequestN(capped - 1);",
  ],
  ["RC-04", STREAM, "this.#sendCredit = isRequester ? 0 : n;", "this.#sendCredit = isRequester ? 1 : n;"],
  ["RC-05", STREAM, "if (!this.#answered) this.#host.countCancel();", "if (!this.#receiveOpen) return;"],
  [
    "RC-06",
    CONNECTION,
    "} else if (type === FrameType.ERROR) {",
    '} else if (type === FrameType.ERROR && this.side === "client") {',
  ],
  [
    "RC-07",
    STREAM,
    "return !this.#sendOpen && !this.#receiveOpen && !this.#assemblingRequest;",
    "return (!this.#sendOpen || !this.#receiveOpen) && !this.#assemblingRequest;",
  ],
  [
    "RC-08",
    STREAM,
    "if (this.#surplus?.end !== undefined || (!this.#receiveOpen && !this.#assemblingRequest))",
    "if (this.#surplus?.end !== undefined)",
  ],
  [
    "RC-09",
    STREAM,
    "if (this.interaction !== Interaction.REQUEST_CHANNEL || !hasMore) return this.#host.countLate();",
    "return this.#host.countLate();",
  ],
];

const FLOW: readonly Row[] = [
  ["FC-01", STREAM, "if (this.#sendCredit <= 0) {", "if (this.#sendCredit < 0) {"],
  [
    "FC-02",
    STREAM,
    "this.#sendCredit = Math.min(this.#sendCredit + n, MAX_31_BIT);",
    "this.#sendCredit = Math.max(this.#sendCredit, n);",
  ],
  ["FC-03", STREAM, "if (!Number.isInteger(n) || n < 1) throw", "if (!Number.isInteger(n) || n < 0) throw"],
  [
    "FC-04",
    STREAM,
    "this.#sendCredit = Math.min(this.#sendCredit + n, MAX_31_BIT);",
    "this.#sendCredit = (this.#sendCredit + n) | 0;",
  ],
  ["FC-05", STREAM, "if (!this.#assemblingRequest) this.sink.onRequestN(n);", ""],
  [
    "FC-06",
    STREAM,
    "if (n === 0 || !this.#sendOpen || this.interaction === Interaction.REQUEST_RESPONSE) return;",
    "if (n === 0) this.#sendCredit = 0;",
  ],
  [
    "FC-07",
    STREAM,
    "reassembler.push(metadata, data, pieces);",
    "reassembler.push(metadata, data, pieces); this.#receiveCredit--;",
  ],
  ["FC-08", STREAM, "if (!this.#sendOpen) return;", "if (!this.#sendOpen || this.#sendCredit === 0) return;"],
  [
    "FC-09",
    CONNECTION,
    "if (this.#keepalive.takeSendDue(nowMs)",
    'for (const stream of this.#streams.snapshot()) if (stream.credit === 0) stream.abandon(ErrorCode.CANCELED, ""); if (this.#keepalive.takeSendDue(nowMs)',
  ],
];

const PAYLOAD: readonly Row[] = [
  ["PAY-01", "session/fragmenter.ts", "(type === FrameType.PAYLOAD ? Flag.NEXT : 0)", "(this.started ? 0 : Flag.NEXT)"],
  [
    "PAY-02",
    STREAM,
    "else if (complete && (flags & Flag.NEXT) === 0) this.#receiveComplete(metadata);",
    "else if (complete && data.length === 0) this.#receiveComplete(metadata);",
  ],
  [
    "PAY-03",
    STREAM,
    "this.#deliver(metadata, data, complete || isAnswer);",
    "this.#deliver(metadata, data, complete);",
  ],
  [
    "PAY-04",
    STREAM,
    "const follows = (flags & Flag.FOLLOWS) !== 0 && (!complete || this.#host.settings.followsWins);",
    "const follows = (flags & Flag.FOLLOWS) !== 0;",
  ],
  ["FRAG-01", STREAM, "if (follows) return;", "if (follows && (flags & Flag.NEXT) !== 0) return;"],
  [
    "FRAG-02",
    "session/fragmenter.ts",
    "if (metadata === undefined || (this.started && this.#metadataAt === metadata.length)) return undefined;",
    "if (metadata === undefined) return undefined;",
  ],
  [
    "FRAG-03",
    "session/fragmenter.ts",
    "const initialRequestN = this.started ? -1 : this.#initialRequestN;",
    "const initialRequestN = this.#initialRequestN;",
  ],
  ["FRAG-04", STREAM, "this.#host.addReassemblyBytes(-this.#reassembler.byteLength);", ""],
  [
    "FRAG-05",
    STREAM,
    "if (reassembler.dataBytes > limits.maxMessageBytes) {",
    "if (reassembler.dataBytes > 2 * limits.maxMessageBytes) {",
  ],
  ["FRAG-06", "session/outbound.ts", "if (backlog.queue.length > 0 && backlog.active) this.#turn++;", ""],
];

const LEASES: readonly Row[] = [
  [
    "LEASE-01",
    ENCODE,
    "const at = begin(writer, 8 + (metadata?.length ?? 0), 0, FrameType.LEASE, flags);",
    "const at = begin(writer, 8 + (metadata?.length ?? 0), 1, FrameType.LEASE, flags);",
  ],
  ["LEASE-02", LEASE, "this.#left = requestCount + carried;", "this.#left += requestCount + carried;"],
  [
    "LEASE-03",
    LEASE,
    "return nowMs < this.#untilMs ? this.#left : 0;",
    "return nowMs <= this.#untilMs ? this.#left : 0;",
  ],
  ["LEASE-04", LEASE, "return nowMs < this.#untilMs ? this.#left : 0;", "return this.#left;"],
  [
    "LEASE-05",
    LEASE,
    "metadata: hasMetadata ? bytes.slice(body + LEASE_FIXED_BYTES, end) : undefined,",
    "metadata: hasMetadata ? bytes.slice(body + LEASE_FIXED_BYTES + 3, end) : undefined,",
  ],
  ["LEASE-06", LEASE, "if (this.leftAt(nowMs) > 0) this.#left--;", "if (this.leftAt(nowMs) > 0) this.#left -= 0.5;"],
  [
    "LEASE-07",
    CONNECTION,
    'return this.#refuse(preset, streamId, flags, "there is no lease for this request");',
    "return;",
  ],
  [
    "LEASE-08",
    CONNECTION,
    "if (this.#leases !== undefined) this.#takeLease(this.#leases);",
    "if (this.#leases !== undefined && preset.hasInitialN) this.#takeLease(this.#leases);",
  ],
  ["LEASE-09", LEASE, "if (this.isNegotiated) this.#gate?.forget();", "if (this.isNegotiated) return;"],
];

const PUSH: readonly Row[] = [
  [
    "MP-01",
    CONNECTION,
    "this.#events.onMetadataPush(bytes.slice(start + HEADER_BYTES, end));",
    "this.#events.onMetadataPush(bytes.slice(start + HEADER_BYTES, end)); this.#sendKeepalive();",
  ],
  [
    "MP-02",
    ENCODE,
    "const at = begin(writer, metadata.length, 0, FrameType.METADATA_PUSH, Flag.METADATA);",
    "const at = begin(writer, metadata.length, 0, FrameType.METADATA_PUSH, 0);",
  ],
  [
    "MP-03",
    CONNECTION,
    "if (streamId === 0) this.#receiveOnConnection(bytes, start, end);",
    "if (streamId === 0 || readFrameType(bytes, start) === FrameType.METADATA_PUSH) this.#receiveOnConnection(bytes, start, end);",
  ],
  [
    "EXT-01",
    ENCODE,
    "if (!Number.isInteger(extendedType) || extendedType < 1 || extendedType > MAX_31_BIT) {",
    "if (extendedType > MAX_31_BIT) {",
  ],
  [
    "EXT-02",
    CONNECTION,
    "const mayIgnore = (readFlags(bytes, start) & Flag.IGNORE) !== 0;",
    "const mayIgnore = type !== FrameType.EXT;",
  ],
];

const RESUMPTION: readonly Row[] = [
  [
    "RESUME-01",
    CONNECTION,
    "if (init.resumption?.token !== undefined) this.#resumption = this.#createResumption(init.resumption.token);",
    "",
  ],
  ["RESUME-02", "session/resumption.ts", "const LAST_COUNTED_TYPE = 0x0b;", "const LAST_COUNTED_TYPE = 0x3f;"],
  [
    "RESUME-03",
    CONNECTION,
    'if (stage === "detached" || stage === "awaiting-ok") return false;',
    'if (stage === "detached") return false;',
  ],
  [
    "RESUME-04",
    CONNECTION,
    "encodeResume(writer, token, receivedPosition, store.firstPosition)",
    "encodeResume(writer, token.subarray(1), receivedPosition, store.firstPosition)",
  ],
  [
    "RESUME-05",
    CONNECTION,
    "encodeResume(writer, token, receivedPosition, store.firstPosition)",
    "encodeResume(writer, token, 0, store.firstPosition)",
  ],
  [
    "RESUME-06",
    CONNECTION,
    "if (refusal !== undefined) this.#fail(ErrorCode.REJECTED_RESUME, refusal);",
    "if (refusal !== undefined) this.#fail(ErrorCode.REJECTED_SETUP, refusal);",
  ],
  [
    "RESUME-07",
    CONNECTION,
    'return this.#fail(ErrorCode.REJECTED_RESUME, "resumption is not supported");',
    'return this.#fail(ErrorCode.UNSUPPORTED_SETUP, "resumption is not supported");',
  ],
  ["RESUME-08", CONNECTION, "encodeResumeOk(writer, resumption.receivedPosition);", "encodeResumeOk(writer, 0);"],
  [
    "RESUME-09",
    "session/resume-store.ts",
    "this.#setUnsent(place.index, place.offset, position);",
    "this.#setUnsent(this.#kept.length, 0, this.#sentPosition);",
  ],
  ["RESUME-10", "session/resume-store.ts", "return at === position ? offset : undefined;", "return offset;"],
  [
    "RESUME-11",
    CONNECTION,
    'else if (type === FrameType.RESUME && this.side === "server") {',
    'else if (type === FrameType.RESUME && this.side === "client") {',
  ],
  [
    "RESUME-12",
    CONNECTION,
    'this.#fail(ErrorCode.CONNECTION_ERROR, "RESUME on a connection that is set up"); // RESUME-11',
    "this.#countMeaningless();",
  ],
  [
    "RESUME-13",
    CONNECTION,
    'this.#end(connectionError(message, "remote"), false);',
    'this.#detach(connectionError(message, "remote"));',
  ],
  [
    "RESUME-14",
    CONNECTION,
    "return this.#fail(ErrorCode.REJECTED_RESUME, error.message);",
    "return this.#fail(ErrorCode.INVALID_SETUP, error.message);",
  ],
  ["RESUME-15", CONNECTION, "this.#leases?.forget(this.#nowMs); // RESUME-15", ""],
  [
    "RESUME-16",
    ENCODE,
    "let at = begin(writer, 6 + resumeToken.length + 16, 0, FrameType.RESUME, 0);",
    "let at = begin(writer, 6 + resumeToken.length + 16, 1, FrameType.RESUME, 0);",
  ],
  ["RESUME-17", "session/resumption.ts", "if (!mayBeEcho) this.store.trim(position);", ""],
  [
    "RESUME-18",
    SETUP,
    "if (tokenBytes < minResumeTokenBytes || tokenBytes > maxResumeTokenBytes) {",
    "if (tokenBytes > maxResumeTokenBytes) {",
  ],
  [
    "RESUME-19",
    "rsocket/sessions.ts",
    "entry.timer = this.#scheduler.setTimer(sessionLifetimeMs, () => {",
    "entry.timer = this.#scheduler.setTimer(2 * sessionLifetimeMs, () => {",
  ],
  ["RESUME-20", ENCODE, "majorVersion = 1,", "majorVersion = 2,"],
];

const UNEXPECTED: readonly Row[] = [
  ["UNX-01", CONNECTION, "if (existing !== undefined) return this.#countMeaningless(); // UNX-01", ""],
  [
    "UNX-02",
    CONNECTION,
    "const known = type >= FrameType.SETUP && type <= FrameType.RESUME_OK;",
    "const known = type >= FrameType.SETUP && type <= FrameType.RESUME_OK && type !== FrameType.CANCEL;",
  ],
  [
    "UNX-03",
    CONNECTION,
    "else this.#countMeaningless();",
    'else this.#fail(ErrorCode.CONNECTION_ERROR, "there is no such stream");',
  ],
  [
    "UNX-04",
    CONNECTION,
    "else this.#countMeaningless();",
    'else this.#fail(ErrorCode.CONNECTION_ERROR, "there is no such stream");',
  ],
  [
    "UNX-05",
    CONNECTION,
    "if (streamId === 0) this.#receiveOnConnection(bytes, start, end);",
    "if (streamId === 0 || readFrameType(bytes, start) === FrameType.METADATA_PUSH) this.#receiveOnConnection(bytes, start, end);",
  ],
  [
    "UNX-06",
    CONNECTION,
    "const known = type >= FrameType.SETUP && type <= FrameType.RESUME_OK;",
    "const known = type > FrameType.SETUP && type <= FrameType.RESUME_OK;",
  ],
  [
    "UNX-07",
    CONNECTION,
    "if (this.#giveIf(this.#budgets.takeMeaningless(this.#nowMs)) || code !== ErrorCode.CONNECTION_CLOSE) return;",
    'if (code !== ErrorCode.CONNECTION_CLOSE && this.side === "server") return this.#end(error, false);',
  ],
  [
    "UNX-08",
    CONNECTION,
    "if (this.#giveIf(this.#budgets.takeMeaningless(this.#nowMs)) || code !== ErrorCode.CONNECTION_CLOSE) return;",
    'if (code !== ErrorCode.CONNECTION_CLOSE && this.side === "client") return this.#end(error, false);',
  ],
  [
    "UNX-09",
    CONNECTION,
    "const known = type >= FrameType.SETUP && type <= FrameType.RESUME_OK;",
    "const known = type > FrameType.SETUP && type <= FrameType.RESUME_OK;",
  ],
  ["UNX-10", CONNECTION, 'if (!isAgreed && this.side === "server") return;', ""],
  [
    "UNX-11",
    STREAM,
    "return this.#holdSurplus(metadata, data, complete);",
    'return this.#fail(ErrorCode.INVALID, "no credit", complete);',
  ],
];

const WEB_SOCKET: readonly Row[] = [
  [
    "WS-01",
    "transports/ws-link.ts",
    "this.#webSocket.send(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start));",
    "this.#webSocket.send(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start), { binary: false });",
  ],
  [
    "WS-02",
    "transports/ws-upgrade.ts",
    "handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),",
    "handleProtocols: () => false,",
  ],
  ["WS-03", "transports/ws-link.ts", "else this.#refuseText();", "else throw new Error(String(data));"],
];

const EXTENSIONS: readonly Row[] = [
  [
    "CM-01",
    "rpc/channel-output.ts",
    "if (call.transport.repeatChannelMetadata) this.#repeated = call.encodeMetadata(false);",
    "this.#repeated = call.encodeMetadata(false);",
  ],
  ["CM-02", "metadata/id-or-name.ts", "target[at] = idOrName.length - 1;", "target[at] = idOrName.length;"],
  [
    "CM-03",
    "metadata/composite.ts",
    "while (reader.next()) entries.push({ mimeType: mimeTypeOf(reader), payload: reader.payload });",
    "while (reader.next()) entries.unshift({ mimeType: mimeTypeOf(reader), payload: reader.payload });",
  ],
  [
    "CM-04",
    "metadata/mime-types.ts",
    'return typeof idOrName === "number" ? (wellKnownMimeType(idOrName) ?? idOrName) : idOrName;',
    'return typeof idOrName === "number" ? (wellKnownMimeType(idOrName) as string).slice() : idOrName;',
  ],
  [
    "CM-05",
    "metadata/composite.ts",
    "if (this.payloadEnd <= this.#end) return true;",
    "if (this.payloadEnd !== 0) return true;",
  ],
  ["RT-01", "metadata/routing.ts", "entry[at] = utf8ByteLength(tag);", "entry[at] = tag.length + 1;"],
  [
    "RT-02",
    "rpc/channel-output.ts",
    "if (call.transport.repeatChannelMetadata) this.#repeated = call.encodeMetadata(false);",
    "this.#repeated = call.encodeMetadata(false);",
  ],
  [
    "RT-03",
    "metadata/routing.ts",
    "return readTag(bytes, start, end);",
    "return readRoutingTags(bytes, start, end).join();",
  ],
  [
    "MT-01",
    "metadata/stream-mime-types.ts",
    "return encodeEntry(MimeTypeId.MIME_TYPE, encodeMimeTypes([mimeType]));",
    "return encodeEntry(MimeTypeId.MIME_TYPE, encodeEntry(mimeType, new Uint8Array(0)));",
  ],
  [
    "MT-02",
    "metadata/stream-mime-types.ts",
    "mimeTypes.push(mimeTypeOfIdOrName",
    "mimeTypes.unshift(mimeTypeOfIdOrName",
  ],
  [
    "MT-03",
    "metadata/stream-mime-types.ts",
    "return { dataMimeType: dataMimeType ?? setupDataMimeType, accepted: accepted ?? [] };",
    'return { dataMimeType: dataMimeType ?? "text/plain", accepted: accepted ?? [] };',
  ],
  [
    "MT-04",
    "metadata/composite-format.ts",
    "const mimeType = readResponseMimeType(metadata, PROTOBUF_MIME_TYPE);",
    "const mimeType: string = PROTOBUF_MIME_TYPE;",
  ],
  [
    "MT-05",
    "metadata/stream-mime-types.ts",
    "if (mimeTypeOf(reader) === MIME_TYPE_MIME_TYPE) found ??= onlyMimeType(metadata, reader);",
    "found ??= onlyMimeType(metadata, reader);",
  ],
  [
    "MT-06",
    "metadata/composite-format.ts",
    "return joinRequest(route, TRACE_ENTRIES, tracing, envelope, rawMetadata);",
    "return joinRequest(route, TRACE_ENTRIES, tracing, envelope, Uint8Array.of(0xfa, 0, 0, 1, 0x89));",
  ],
  ["WK-01", "metadata/mime-types.ts", '"audio/mpeg3",', '"audio/mpeg-3",'],
  [
    "WK-02",
    "metadata/mime-types.ts",
    "return id < FIRST_HIGH_ID ? LOW_IDS[id] : HIGH_IDS[id - FIRST_HIGH_ID];",
    'return (id < FIRST_HIGH_ID ? LOW_IDS[id] : HIGH_IDS[id - FIRST_HIGH_ID]) ?? "unknown";',
  ],
  [
    "AU-01",
    "metadata/setup-metadata.ts",
    'if (bearerToken !== undefined) entries.push(encodeAuthEntry({ type: "bearer", token: bearerToken }));',
    "",
  ],
  ["AU-02", "metadata/auth.ts", "const AUTH_BEARER = 0x01;", "const AUTH_BEARER = 0x02;"],
  [
    "AU-03",
    "metadata/auth.ts",
    "const at = encodeUtf8Into(username, payload, writeUint16(payload, 0, usernameBytes));",
    "const at = encodeUtf8Into(username, payload, writeUint16(payload, 0, usernameBytes + 1));",
  ],
  [
    "AU-04",
    "metadata/auth.ts",
    "return withType(AUTH_BEARER, encodeUtf8(authentication.token));",
    'return withType(AUTH_BEARER, encodeUtf8(authentication.token + "\\u0000"));',
  ],
  ["AU-05", "rpc/connect.ts", "if (credentials === undefined || isSecure || ", "if (isSecure || !isSecure || "],
  ["TZ-01", "metadata/tracing.ts", "LONG_TRACE_ID: 0x08,", "LONG_TRACE_ID: 0x02,"],
  ["TZ-02", "metadata/tracing.ts", "if ((flags & ZipkinFlag.IDS) === 0) return { sampling };", ""],
  [
    "TZ-03",
    "metadata/tracing.ts",
    'if ((flags & ZipkinFlag.DEBUG) !== 0) return "debug";',
    'if ((flags & ZipkinFlag.DEBUG) !== 0 && (flags & ZipkinFlag.SAMPLED) === 0) return "debug";',
  ],
  [
    "TZ-04",
    "rpc/channel-output.ts",
    "if (call.transport.repeatChannelMetadata) this.#repeated = call.encodeMetadata(false);",
    "this.#repeated = call.encodeMetadata(false);",
  ],
];

const RPC: readonly Row[] = [
  [
    "RPC-01",
    "metadata/rpc-metadata.ts",
    "let at = writeUint16(bytes, 0, VERSION);",
    "let at = writeUint16(bytes, 0, VERSION + 1);",
  ],
  [
    "RPC-02",
    "rpc/router.ts",
    'if (metadata === undefined) return refuse(host, stream, malformed("metadata is missing"), ErrorCode.INVALID, false);',
    "if (metadata === undefined) return;",
  ],
  [
    "RPC-03",
    "rpc/router.ts",
    "refuse(host, stream, error, ErrorCode.APPLICATION_ERROR, envelope !== undefined);",
    "refuse(host, stream, error, ErrorCode.REJECTED, envelope !== undefined);",
  ],
  ["RPC-04", "rpc/server-call.ts", "this.#fail(error, ErrorCode.INVALID);", "this.#fail(error, ErrorCode.REJECTED);"],
  [
    "RPC-05",
    "rpc/channel-output.ts",
    "if (call.transport.repeatChannelMetadata) this.#repeated = call.encodeMetadata(false);",
    "this.#repeated = call.encodeMetadata(false);",
  ],
];

/** All changes, in the order of the requirements. */
export const BITES: readonly Bite[] = [
  ...[TRANSPORT, STREAM_IDS, ESTABLISHMENT, ERRORS, KEEPALIVE, INTERACTIONS, FLOW, PAYLOAD, LEASES, PUSH, RESUMPTION],
  ...[UNEXPECTED, WEB_SOCKET, EXTENSIONS, RPC],
].flatMap((rows) => rows.map(([id, file, find, replace]) => ({ id, file, find, replace })));
