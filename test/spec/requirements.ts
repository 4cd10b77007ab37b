// SPDX-License-Identifier: Apache-2.0
// What RSocket 1.0, its extensions and rsocket-rpc ask of a peer, in our words, one line each. Tests name these ids in
// their titles; docs/conformance.md is made of both.

/** How binding a requirement is. */
export const LEVELS: Readonly<Record<string, string>> = {
  MUST: "the specification says MUST",
  "MUST NOT": "the specification says MUST NOT",
  SHOULD: "the specification says SHOULD",
  MAY: "the specification says MAY: what is written is what we do",
  explained: "the specification explains it without one of these words",
  implied: "not said, but a sound peer needs it",
};

/** One line of the list. */
export interface Requirement {
  readonly chapter: string;
  readonly id: string;
  /** One of `LEVELS`, or two with a slash between. */
  readonly level: string;
  /** Whose it is: requester, responder, client, server, both, codec. */
  readonly side: string;
  readonly sentence: string;
  /** Why no test can observe it. */
  readonly argument: string | undefined;
  /** How we read it, or where we differ. */
  readonly note: string | undefined;
}

/** Ids that no test can observe, and why. */
const ARGUMENTS: Readonly<Record<string, string>> = {};

/** What a reader of the table should know beside the sentence. */
const NOTES: Readonly<Record<string, string>> = {
  "SID-09": "we ignore it",
  "SID-10": "we re-use ids, so only the last half applies",
  "WS-02":
    "our clients offer it when `protocols` says so: servers that know of none answer with none, and then no link opens",
  "RC-08": "we send COMPLETE alone, since some servers don't see it on REQUEST_CHANNEL",
  "FC-01": "a few items beyond the credit are held until there is some, a flood of them fails the stream",
  "KA-07": "any byte received proves it",
};

/** Families of ids: what a title names with one of these in front is an id. */
const ID = /\b[A-Z]{2,6}-\d\d\b/g;

/** All requirements, in the order of the specification. */
export const REQUIREMENTS: readonly Requirement[] = parse(`
# Transport, header, metadata
FRM-01 | MUST | both | TCP: each frame carries a 24-bit length prefix which does not count itself
FRM-02 | MUST | both | WebSocket: no length prefix; a binary message holds exactly one frame
FRM-03 | MUST | both | frames are handled in order and whole, however the transport cuts or joins the bytes
FRM-04 | MUST | both | no frame above 16,777,215 bytes on any transport; larger payloads are fragmented (or refused by the sender)
FRM-05 | MUST | codec | big endian everywhere
FRM-06 | MAY | both | a peer may close the transport; afterwards it sends nothing and ignores what arrives; the other side fails what is pending
FRM-07 | implied | both | frames too short for their fixed fields, garbage, foreign protocols: ERROR[CONNECTION_ERROR/INVALID_SETUP] and/or close, never a crash, other connections unharmed
HDR-01 | SHOULD | both | undefined flag bits are sent as 0
HDR-02 | MUST | both | undefined flag bits are ignored on receipt (also M/F/C/N on types that do not define them)
HDR-03 | MUST | both | a frame that is not understood and has I is dropped, connection goes on
HDR-04 | MAY | both | a frame that is not understood and lacks I: ERROR[CONNECTION_ERROR] and close (ignoring it is allowed too)
HDR-05 | MUST | codec | the top bit of stream id and of 31/63-bit fields is 0 when sent and no part of the value when read
META-01 | MUST | codec | types with metadata and data: M set ⇔ a 24-bit metadata length and the metadata stand before the data
META-02 | MUST | both | metadata length that does not fit the frame: ERROR[CONNECTION_ERROR] and close, unless the frame has I (then drop it)
META-03 | MUST | codec | LEASE and METADATA_PUSH: metadata without a length field
META-04 | MUST | codec | present-but-empty metadata (M, length 0) and absent metadata are different and both survive a round trip
META-05 | MUST | both | the protocol layer does not judge the content of metadata; bad routing metadata is an error of that stream only

# Stream ids
SID-01 | MUST | both | stream 0 is for the connection only; a request on stream 0 is not served
SID-02 | MUST | requester | an id is used by one live stream only; frames of different streams never mix
SID-03 | MUST | client | opens odd ids only
SID-04 | MUST | server | opens even ids only
SID-05 | MUST | client | 1, 3, 5, … without gaps over all request types
SID-06 | MUST | server | 2, 4, 6, …
SID-07 | MUST | responder | expects ids to come back: an id whose stream ended is served again
SID-08 | MUST | requester | with re-use: after 2^31-1 wrap to 1 (client) / 2 (server), skip ids still in use
SID-09 | MAY | responder | may answer a request on an id in use with ERROR[REJECTED] (ignoring it, UNX-01, is what it must do)
SID-10 | MUST | requester | without re-use: after 2^31-1 no new stream on this connection; also when all ids are in use
SID-11 | MUST | requester | does not re-use an id before the wrap (re-use recommended only together with resumption)

# Setup and establishment
SETUP-01 | MUST | both | SETUP is on stream 0
SETUP-02 | MUST | both | mime types are opaque to the protocol: any string is accepted, nothing is derived from it
SETUP-03 | MUST | client | keepalive interval > 0 (server: refuses 0; 2^31-1 works)
SETUP-04 | MUST | client | max lifetime > 0 (server: refuses 0; 2^31-1 works)
SETUP-05 | MUST | client | token length and token are there exactly when R is set
SETUP-06 | MUST | codec | mime types: u8 length 0…255, SHOULD be ASCII media types, not null terminated
SETUP-07 | MUST | server | R set, no resumption: ERROR[REJECTED_SETUP]
SETUP-08 | MAY | both | SETUP carries data and/or metadata; they reach the acceptor
CONN-01 | MUST | client | SETUP or RESUME is the first frame, sent at once on stream 0
CONN-02 | MUST | server | any other first frame, or one of these on a stream > 0: ERROR[INVALID_SETUP] and close
CONN-03 | MAY | client | without L: requests may follow SETUP immediately
CONN-04 | MUST | client | with L: no request before the first LEASE
CONN-05 | MUST | server | accepts SETUP with L ⇒ sends LEASE (without L: none expected)
CONN-06 | MAY | server | without L: may send requests right after the SETUP
CONN-07 | MUST | server | does not accept SETUP ⇒ ERROR[INVALID_SETUP, UNSUPPORTED_SETUP or REJECTED_SETUP] on stream 0, then close
CONN-08 | MUST | server | with L: sends no request before a LEASE of the client
CONN-09 | MUST | client | after SETUP with L sends a LEASE (for the server's requests)
CONN-10 | explained | client | there is no acknowledgement: a response, LEASE or request means accepted, ERROR on stream 0 means refused (pending requests fail, no retry on this connection)
CONN-11 | MUST | requester | no request before SETUP/RESUME was sent
CONN-12 | MUST | responder | no PAYLOAD before establishment; none after a refused SETUP
CONN-13 | MUST | server | every other version (major or minor) counts as incompatible; accepting lower ones is the server's choice

# Errors
ERR-01 | MUST | both | codes 1–4, 0x101, 0x102 only on stream 0; 0x201–0x204 only on streams > 0; reserved codes never
ERR-02 | SHOULD/MUST | both | text is UTF-8 (SHOULD), not null terminated (MUST); may be empty
ERR-03 | MAY | both | after ERROR[CONNECTION_ERROR], sent or received: close at once; everything pending fails
ERR-04 | MUST | both | after ERROR[CONNECTION_CLOSE], sent or received: outstanding streams run to their end, then close; new requests may be refused
ERR-05 | explained | both | codes 0x301…0xFFFFFFFE (unsigned!) pass to the application as they are
ERR-06 | explained | responder | failures of application logic are APPLICATION_ERROR (or an application code)
ERR-07 | MUST | responder | REJECTED only if the request was certainly not processed

# Keepalive
KA-01 | MUST | both | stream 0
KA-02 | MUST | client | sends KEEPALIVE with R periodically, at the interval announced in SETUP
KA-03 | MAY | server | sends KEEPALIVE with R on request of its application
KA-04 | MUST | both | KEEPALIVE with R ⇒ KEEPALIVE without R
KA-05 | MUST | both | the answer carries exactly the data received
KA-06 | MUST | both | position field: bytes received as RESUME-02 counts them, or 0 without resumption; top bit 0
KA-07 | explained | both | KEEPALIVE proves the peer alive; closing for lack of it is the application's choice (here: after max lifetime of silence)
KA-08 | explained | both | KEEPALIVE without R is not answered

# Interaction models
RR-01 | MUST | responder | one PAYLOAD with COMPLETE (with or without NEXT), or ERROR; then nothing
RR-02 | MUST | both | ERROR[APPLICATION_ERROR, REJECTED, CANCELED, INVALID] ends the stream on both sides
RR-03 | SHOULD | both | CANCEL ends the stream; the responder sends no answer, the requester drops a late one; handler is told
FNF-01 | MUST | responder | REQUEST_FNF ends at once; no frame goes back, whatever happens
FNF-02 | MUST | requester | nothing follows REQUEST_FNF (but its fragments); frames for its id are ignored
RS-01 | MUST | responder | PAYLOAD* then COMPLETE (on the last item or alone)
RS-02 | MUST | both | … or ERROR; nothing after it
RS-03 | MUST | both | CANCEL ends the stream at any time; nothing but frames already under way follows
RS-04 | MAY | requester | REQUEST_N at any time, also while the request is still being fragmented
RS-05 | MUST | requester | nothing is sent for a stream that ended (no CANCEL, no REQUEST_N)
RC-01 | MUST | both | REQUEST_CHANNEL carries the first item; both sides send PAYLOAD* and COMPLETE independently
RC-02 | MUST | requester | exactly one REQUEST_CHANNEL; further items are PAYLOAD frames
RC-03 | MUST | responder | answers an initial REQUEST_CHANNEL with REQUEST_N
RC-04 | MUST | requester | no PAYLOAD before that REQUEST_N, then never more than granted
RC-05 | MUST | both | CANCEL of the requester ends both directions, also after its own COMPLETE
RC-06 | MUST | both | ERROR of either side ends both directions
RC-07 | MUST | both | half-close: after COMPLETE of one side the other goes on; the stream ends when both have completed
RC-08 | MUST | requester | COMPLETE by C on REQUEST_CHANNEL or on its last PAYLOAD, or alone; no PAYLOAD afterwards
RC-09 | explained | both | CANCEL of a channel's responder ends the half it receives: the requester stops sending and goes on receiving

# Flow control
FC-01 | MUST | both | never more items than the sum of credits
FC-02 | MUST | both | credits add up
FC-03 | MUST | both | n > 0 when sent; a received 0 releases nothing
FC-04 | MUST | both | n ≤ 2^31-1; larger demand is capped when sent; sums beyond 2^31-1 saturate, they never wrap
FC-05 | MUST | both | Reactive Streams rules hold in both directions
FC-06 | MUST | requester | credit cannot be taken back; it survives resumption
FC-07 | MUST | both | a fragmented payload costs one credit, a fragmented request one lease count
FC-08 | MUST | both | COMPLETE and ERROR need no credit
FC-09 | MUST NOT | both | a stream without credit is not timed out by the protocol and blocks no other stream

# Payload, fragmentation
PAY-01 | MUST | both | PAYLOAD has N, C or both; C alone carries nothing
PAY-02 | MUST | both | N with zero bytes is an item
PAY-03 | MUST | requester | PAYLOAD without C answering a request/response: treated as if C were set
PAY-04 | MUST | both | F together with C: F is ignored
FRAG-01 | MUST | both | F = more follows; the rest comes as PAYLOAD frames of the stream, the last without F; reassembly is always on
FRAG-02 | MUST | both | all metadata before any data; every fragment with metadata has M and its own length; one fragment may hold the end of metadata and the start of data
FRAG-03 | MUST | both | requests: first fragment is the REQUEST_* frame with F (initial n only there), then PAYLOAD
FRAG-04 | MAY | both | a sequence may be broken off with CANCEL (or ERROR); the receiver drops the parts
FRAG-05 | MUST | both | reassembly assumes endless input (and keeps to a bound of its own)
FRAG-06 | MUST | both | fragments of different streams, and stream-0 frames, may interleave; order counts only within a stream

# Lease
LEASE-01 | MUST | responder | stream 0
LEASE-02 | MUST | requester | the last LEASE replaces all earlier ones (no adding up)
LEASE-03 | MUST/MAY | both | ttl > 0 and n > 0 – but 0 in either may be sent to stop all requests
LEASE-04 | MUST | both | after ttl (from receipt) the allowance is 0
LEASE-05 | MUST | codec | metadata without a length field, even with M
LEASE-06 | MUST | requester | not more requests than granted within the ttl
LEASE-07 | MUST | responder | a request it cannot honour for lack of lease: ERROR[REJECTED]; fire-and-forget gets no frame
LEASE-08 | MUST | both | all four request types count, fragments do not
LEASE-09 | MUST | server | leases do not survive resumption; a new LEASE is sent on the new connection

# Metadata push, extension frames
MP-01 | MUST | both | METADATA_PUSH on stream 0, either direction, draws no frame
MP-02 | MUST | codec | M set, metadata = rest of the frame; never fragmented
MP-03 | MUST | both | on another stream it is ignored
EXT-01 | MUST | sender | extended type > 0
EXT-02 | MUST | both | unknown extended type: like an unknown type (I decides)

# Resumption
RESUME-01 | MAY | client | asks with R and a token in SETUP; without it no RESUME is ever sent
RESUME-02 | MUST | both | position = bytes of REQUEST_*, REQUEST_N, CANCEL, ERROR, PAYLOAD frames in one direction since the start of the session, each fragment with its own length, without length prefix; other types do not count; starts at 0
RESUME-03 | MUST | client | new connection: RESUME first, nothing else until RESUME_OK
RESUME-04 | MUST | client | token of the original SETUP
RESUME-05 | MUST | client | last received server position is exact
RESUME-06 | MUST | server | unknown token: ERROR[REJECTED_RESUME]
RESUME-07 | MUST | server | no resumption at all: ERROR[REJECTED_RESUME]
RESUME-08 | MAY/MUST | server | resumes with RESUME_OK carrying its own received position
RESUME-09 | MAY | both | all frames from the other side's position on are sent again, unchanged, in order, once; streams and credit go on
RESUME-10 | MAY | both | impossible position: ERROR[REJECTED_RESUME] (server) / ERROR[CONNECTION_ERROR], never a gap or a repeat
RESUME-11 | SHOULD | server | RESUME after SETUP: ERROR[CONNECTION_ERROR]
RESUME-12 | SHOULD | server | RESUME after RESUME: ERROR[CONNECTION_ERROR]
RESUME-13 | MUST | client | after ERROR[REJECTED_RESUME] no further attempt; after its own ERROR[CONNECTION_*] neither
RESUME-14 | MUST | both | ERROR frames of the handshake are CONNECTION_ERROR or REJECTED_RESUME only
RESUME-15 | MUST | both | leases start anew (LEASE-09)
RESUME-16 | MUST | both | RESUME and RESUME_OK on stream 0
RESUME-17 | explained | both | KEEPALIVE carries the received position; the peer may trim its buffer by it
RESUME-18 | MUST/SHOULD | both | token valid for the whole session, opaque bytes, unique, hard to guess; SETUP with a token in use is refused
RESUME-19 | MUST | server | keeps a disconnected session for some time, then frees it
RESUME-20 | MUST | client | version and mime types do not change on resumption

# The unexpected
UNX-01 | MUST | responder | request on an id in use is ignored
UNX-02 | MUST | both | CANCEL on an unknown stream, also 0: ignored
UNX-03 | MUST | both | ERROR on an unknown stream: ignored
UNX-04 | MUST | both | PAYLOAD on an unknown stream, also 0: ignored
UNX-05 | MUST | both | METADATA_PUSH on a stream other than 0: ignored
UNX-06 | MUST | server | SETUP after an accepted SETUP: ignored
UNX-07 | MUST | server | ERROR[INVALID_SETUP, UNSUPPORTED_SETUP, REJECTED_SETUP, REJECTED_RESUME]: ignored
UNX-08 | MUST | client | the same codes, once established
UNX-09 | MUST | client | SETUP: ignored
UNX-10 | MUST | both | every other frame that makes no sense where it arrives: ignored (REQUEST_N on a unary call, PAYLOAD on a request-stream, LEASE not negotiated, RESUME_OK, …)
UNX-11 | MUST NOT | both | lack of LEASE or REQUEST_N is not acted upon by the protocol

# WebSocket
WS-01 | MUST | both | binary messages; WebSocket fragmentation and ping/pong belong to the WebSocket layer
WS-02 | SHOULD | both | client offers subprotocol rsocket, server echoes it; a client without one is served
WS-03 | implied | both | text messages: ignored or refused, never a crash

# Extensions
CM-01 | MUST | requester | used only in REQUEST_* frames (also SETUP for authentication, AU-01)
CM-02 | MUST | codec | M=1: 7 bits are a well-known id, no string; M=0: 7 bits give the string's length (less 1), ASCII, not null terminated
CM-03 | MUST | codec | several entries, also of the same type; order kept
CM-04 | MUST | responder | an entry of unknown type is skipped and the next one read
CM-05 | implied | codec | truncated entry: rejected, no over-read
RT-01 | MUST | codec | routing …routing.v0 (0x7E): tags u8 length + UTF-8, any number, order kept, not null terminated, ≤ 255 bytes
RT-02 | MUST | requester | only in REQUEST_* frames
RT-03 | MAY | responder | any or all tags may be ignored
MT-01 | MUST | codec | …mime-type.v0 (0x7A): one mime entry (id or length+string, no u24 length) = data mime of this stream
MT-02 | MUST | codec | …accept-mime-types.v0 (0x7B): list of mime entries, order kept
MT-03 | MUST | both | without mime-type entry the SETUP data mime type applies
MT-04 | MUST | responder | answers with another type than expected ⇒ declares it in a mime-type entry of the response metadata
MT-05 | MUST | requester | an accept-mime-types entry sent by a responder is invalid and ignored
MT-06 | MUST | requester | both entries only in REQUEST_* frames (responses: MT-04)
WK-01 | MUST | codec | ids: 0x00 avro … 0x2A flatbuffers, 0x7A … 0x7F, exactly as in WellKnownMimeTypes.md; strings stay allowed
WK-02 | implied | codec | unassigned ids 0x2B–0x79 decode to "unknown id", not to an error
AU-01 | MUST | requester | authentication …authentication.v0 (0x7C) in SETUP or REQUEST_* only
AU-02 | MUST | codec | u1 A | u7 id-or-length | [type string] | payload; A=1: id 0x00 simple, 0x01 bearer; string lengths less 1
AU-03 | MUST | codec | simple: u16 username length | username | password = rest, UTF-8, not null terminated
AU-04 | MUST | codec | bearer: token = rest, UTF-8, not null terminated
AU-05 | SHOULD | both | simple over a confidential transport only
TZ-01 | MUST | codec | zipkin …tracing-zipkin.v0 (0x7D): flags I 0x80, D 0x40, S 0x20, N 0x10, T 0x08 (128-bit trace id), P 0x04 (parent), low two bits 0
TZ-02 | MUST | codec | I=0: the flags byte only. I=1: trace id 8 or 16 bytes, span id 8, parent 8 if P
TZ-03 | MUST | codec | S ignored if D; N ignored if S or D; no bit = undecided
TZ-04 | MUST | both | in REQUEST_* and PAYLOAD frames only

# rsocket-rpc
RPC-01 | implied | codec | metadata = u16 version 1, u16 len + service, u16 len + method, u16 len + tracing, rest = user metadata
RPC-02 | implied | responder | missing or malformed routing metadata: ERROR on the stream, connection unharmed
RPC-03 | implied | responder | unknown service or method: ERROR on the stream (rsocket-rpc-js: APPLICATION_ERROR); fire-and-forget: silence
RPC-04 | implied | responder | undecodable message: ERROR on the stream
RPC-05 | implied | both | client streaming is a REQUEST_CHANNEL with one response; routing metadata only on its first frame
`);

const FAMILIES: ReadonlySet<string> = new Set(REQUIREMENTS.map(({ id }) => familyOf(id)));

/** The ids that a title names, known or not, each once. */
export function idsIn(title: string): string[] {
  return [...new Set(title.match(ID) ?? [])].filter((id) => FAMILIES.has(familyOf(id)));
}

function familyOf(id: string): string {
  return id.slice(0, id.indexOf("-"));
}

function parse(table: string): Requirement[] {
  let chapter = "";
  const requirements: Requirement[] = [];
  for (const line of table.split("\n").filter((text) => text !== "")) {
    const [, id, level, side, sentence] = /^(\S+) \| ([^|]+) \| ([^|]+) \| (.+)$/.exec(line) ?? [];
    if (line.startsWith("# ")) chapter = line.slice(2);
    else if (id === undefined || level === undefined || side === undefined || sentence === undefined) {
      throw new Error(`not a requirement: ${line}`);
    } else requirements.push({ chapter, id, level, side, sentence, argument: ARGUMENTS[id], note: NOTES[id] });
  }
  return requirements;
}
