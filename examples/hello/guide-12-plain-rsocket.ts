// SPDX-License-Identifier: Apache-2.0
// The code of docs/guide/12-plain-rsocket.md.

const text = (value: string) => new TextEncoder().encode(value);
const read = (data: Uint8Array) => new TextDecoder().decode(data);

// #region serve
import { listenTcp } from "rsocket-rpc/node";
import { ErrorCode, type Responder, SetupRejection, type StreamHandle, serveRSocket } from "rsocket-rpc/rsocket";

const responder: Responder = {
  fireAndForget: ({ data }) => console.log("server: got", read(data)),
  requestResponse({ data }, stream) {
    if (data.length === 0) stream.error(ErrorCode.APPLICATION_ERROR, text("say something"));
    else stream.next(text(`echo ${read(data)}`), undefined, true); // the answer and its end
    return undefined; // no ear for CANCEL
  },
  requestStream(_request, stream) {
    let next = 0;
    const send = () => {
      while (stream.mayProduce) stream.next(text(String(next++)));
    };
    send();
    return { onRequestN: send, onWritable: send, onCancel: () => console.log("server: cancelled") };
  },
};

const server = await serveRSocket({
  listeners: [(onLink) => listenTcp({ host: "127.0.0.1", port: 0 }, onLink)],
  accept(setup) {
    if (read(setup.data) !== "let me in") throw new SetupRejection("unknown client");
    return responder;
  },
});
// #endregion

const port = Number(new URL(server.urls[0] ?? "").port);

// #region connect
import { tcpDialer } from "rsocket-rpc/node";
import { connectRSocket, type Payload, type Requester } from "rsocket-rpc/rsocket";

const connection = await connectRSocket({
  dialer: tcpDialer({ host: "127.0.0.1", port }),
  setup: { dataMimeType: "text/plain", metadataMimeType: "application/json", data: text("let me in") },
});
connection.fireAndForget({ data: text("a line"), metadata: text("{}") });
// #endregion

// #region response
function ask(requester: Requester, request: Payload): Promise<Payload | undefined> {
  return new Promise((resolve, reject) => {
    requester.requestResponse(request, {
      onNext: (data, metadata) => resolve({ data, metadata }),
      onComplete: () => resolve(undefined), // an end without an answer
      onError: reject,
    });
  });
}
const answer = await ask(connection, { data: text("hello") });
console.log(read(answer?.data ?? text(""))); // echo hello
const refused = await ask(connection, { data: text("") }).catch((error: unknown) => error);
console.log(String(refused));
// #endregion

// #region stream
await new Promise<void>((resolve) => {
  const numbers: string[] = [];
  const stream: StreamHandle = connection.requestStream({ data: text("") }, 2, {
    onNext(data) {
      numbers.push(read(data));
      if (numbers.length === 2) stream.request(3); // two came as asked for; three more
      if (numbers.length < 5) return;
      console.log(numbers.join(" ")); // 0 1 2 3 4
      stream.cancel();
      resolve();
    },
  });
});

// #endregion

// #region iterate
import { IncomingItems, turnBudgetOf } from "rsocket-rpc/rsocket";

function itemsOf(peer: typeof connection, request: Payload): AsyncIterable<string> {
  const items: IncomingItems<string> = new IncomingItems(
    { decode: read, abandon: () => stream.cancel(), undecodable: (error) => error },
    { budget: turnBudgetOf(peer.scheduler) },
  );
  const stream = peer.requestStream(request, items.initialN, {
    onNext(data, metadata, complete) {
      items.receive(data, metadata);
      if (complete) items.end();
    },
    onComplete: () => items.end(),
    onError: (error) => items.fail(error),
  });
  items.attach(stream, items.initialN);
  return items;
}
for await (const number of itemsOf(connection, { data: text("") })) {
  if (number === "1000") break; // cancels
}

// #endregion

// #region push
const told: Promise<string> = new Promise((resolve) => {
  responder.metadataPush = (metadata) => resolve(read(metadata));
});
responder.extension = ({ extendedType, data }) => {
  if (extendedType !== 0x7e57) return false; // not one of ours
  console.log("server: extension", read(data));
  return true;
};
connection.extension({ extendedType: 0x7e57, data: text("hurry") });
connection.metadataPush(text("going on holiday"));
console.log(await told);

// #endregion

// #region composite
import {
  encodeAuthEntry,
  encodeMimeTypeEntry,
  encodeRoutingEntry,
  encodeTraceEntries,
  readCompositeEntries,
  readRequestMimeTypes,
  readRoutingTags,
  readTraceEntries,
} from "rsocket-rpc/rsocket";

const composite = Uint8Array.from([
  ...encodeRoutingEntry(["prices.acme"]),
  ...encodeAuthEntry({ type: "bearer", token: "secret" }),
  ...encodeMimeTypeEntry("application/json"), // of this request's data, whatever SETUP says
  ...encodeTraceEntries([["traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"]]),
]);
for (const { mimeType, payload } of readCompositeEntries(composite)) {
  console.log(mimeType, mimeType === "message/x.rsocket.routing.v0" ? readRoutingTags(payload) : payload.length);
}
console.log(readRequestMimeTypes(composite, "text/plain").dataMimeType); // application/json
console.log(readTraceEntries(composite).get("traceparent"));
// #endregion

await ask(connection, { data: text("the last") }); // answered behind what was sent before
await connection.close();
await server.close();
