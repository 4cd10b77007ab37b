// SPDX-License-Identifier: Apache-2.0
// Links over TLS: who is trusted, who is let in, what is said of those who aren't, and handshakes that never end.

import { once } from "node:events";
import { type AddressInfo, connect as connectSocket, createServer as createTcpServer } from "node:net";
import { connect as connectTls } from "node:tls";
import { expect } from "chai";
import { createAuthority } from "../../../examples/hello/certificates.js";
import type { FrameLink } from "../../../runtime/src/engine/link.js";
import type { TlsDialOptions, TlsListener, TlsListenOptions } from "../../../runtime/src/transports/addresses.js";
import { listenTls, tlsDialer } from "../../../runtime/src/transports/tls.js";
import { wsDialer } from "../../../runtime/src/transports/ws.js";
import { LinkRecorder } from "../../contracts/link-contract-recorder.js";
import { bytesOf } from "../../support/frames-dsl.js";
import { Accepted, dial, HOST, portOf, rejectionOf, type TlsWorld, tlsWorld } from "../../support/tls-world.js";

/** CANCEL of stream 1, with its length. */
const CANCEL = "000006 00000001 2400".replaceAll(" ", "");

describe("TLS", () => {
  let world: TlsWorld;
  let listener: TlsListener;
  let accepted: Accepted;
  let errors: string[];
  const links: FrameLink[] = [];

  before(async () => {
    world = await tlsWorld();
  });

  beforeEach(() => {
    accepted = new Accepted();
    errors = [];
  });

  afterEach(async () => {
    accepted.abort();
    for (const link of links.splice(0)) link.abort();
    await listener?.close();
  });

  async function listen(options: Partial<TlsListenOptions> = {}): Promise<number> {
    const onError = (error: unknown): void => void errors.push(String(error));
    listener = await listenTls({ host: HOST, port: 0, ...world.server, ...options }, accepted.onLink, onError);
    return portOf(listener.url);
  }

  async function dialWith(options: TlsDialOptions, host: string = HOST): Promise<FrameLink> {
    const link = await dial(tlsDialer({ host, port: portOf(listener.url) }, { ca: world.ca, ...options }));
    links.push(link);
    return link;
  }

  describe("a server's certificate", () => {
    it("is checked, and told to the client", async () => {
      const port = await listen();
      const { info } = await dialWith({});
      expect(info).to.include({ transport: "tls", isSecure: true, remoteAddress: `${HOST}:${port}` });
      expect(info.certificate).to.deep.include({
        subject: { CN: "server" },
        issuer: { CN: "an authority for tests" },
        subjectAltNames: ["IP:127.0.0.1", "DNS:localhost"],
        authorized: true,
      });
      expect((await accepted.at(0)).info).to.include({
        transport: "tls",
        isSecure: true,
        localAddress: `${HOST}:${port}`,
      });
      expect((await accepted.at(0)).info.certificate).to.equal(undefined);
    });

    it("of an authority that nobody named is refused, by address and reason", async () => {
      const port = await listen();
      const error = await rejectionOf(dial(tlsDialer({ host: HOST, port })));
      expect(error.message).to.match(
        new RegExp(`^can't connect to ${HOST}:${port}: the certificate's authority is not among those in \`ca\` \\(`),
      );
      expect(error.cause).to.be.instanceOf(Error);
    });

    it("that is self-signed, or of another authority of the same name, is refused", async () => {
      await listen();
      const other = await createAuthority();
      for (const ca of [other.ca, [other.ca, (await createAuthority("CN=third")).ca]]) {
        expect((await rejectionOf(dialWith({ ca }))).message).to.match(/authority|signed/);
      }
    });

    it("for another host is refused, with the names that it has", async () => {
      const stranger = await world.authority.issue("CN=localhost", { names: ["DNS:other.example.com"] });
      await listen(stranger);
      expect((await rejectionOf(dialWith({}))).message).to.match(
        /the certificate is for other names: .*127\.0\.0\.1.* \(ERR_TLS_CERT_ALTNAME_INVALID\)$/,
      );
      // The name to look for may be given: an address that is dialed is often not it.
      expect((await dialWith({ servername: "other.example.com" })).info.isSecure).to.equal(true);
    });

    it("that has expired, or isn't valid yet, is refused", async () => {
      const names = ["IP:127.0.0.1"];
      const port = await listen(await world.authority.issue("CN=old", { names, fromDay: -3, toDay: -1 }));
      expect((await rejectionOf(dialWith({}))).message).to.equal(
        `can't connect to ${HOST}:${port}: the certificate has expired (CERT_HAS_EXPIRED)`,
      );
      listener.setIdentity(await world.authority.issue("CN=early", { names, fromDay: 1, toDay: 2 }));
      expect((await rejectionOf(dialWith({}))).message).to.contain("not valid yet");
    });

    it("is checked whatever the environment says", async () => {
      const before = process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
      process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
      try {
        await listen();
        expect((await rejectionOf(dialWith({ ca: (await createAuthority("CN=x")).ca }))).message).to.contain(
          "authority",
        );
      } finally {
        if (before === undefined) delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
        else process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = before;
      }
    });

    it("is believed unseen only when that is asked for loudly, with one warning", async () => {
      await listen(await world.authority.issue("CN=any", { names: ["DNS:other.example.com"], toDay: -1, fromDay: -2 }));
      const warnings: string[] = [];
      const onWarning = ({ message }: Error): void => void warnings.push(message);
      process.on("warning", onWarning);
      const port = portOf(listener.url);
      for (let i = 0; i < 2; i++) {
        const link = await dial(tlsDialer({ host: HOST, port }, { dangerouslyAcceptAnyCertificate: true }));
        links.push(link);
        expect(link.info.certificate).to.deep.include({ subject: { CN: "any" }, authorized: false });
      }
      await new Promise((resolve) => setImmediate(resolve));
      process.off("warning", onWarning);
      expect(warnings.filter((text) => text.includes("dangerouslyAcceptAnyCertificate"))).to.have.length(1);
    });

    it("may be renewed for connections to come", async () => {
      await listen();
      const names = ["IP:127.0.0.1"];
      const serials = [(await dialWith({})).info.certificate?.serialNumber];
      listener.setIdentity(await world.authority.issue("CN=renewed", { names }));
      const { certificate } = (await dialWith({})).info;
      expect(certificate?.subject).to.deep.equal({ CN: "renewed" });
      expect(certificate?.serialNumber).to.not.equal(serials[0]);
      expect(() => listener.setIdentity({ cert: "nonsense", key: "nonsense" })).to.throw(TypeError, "can't be used");
      expect((await dialWith({})).info.certificate?.subject).to.deep.equal({ CN: "renewed" });
    });
  });

  describe("the name that a client asks for", () => {
    it("chooses the certificate, also when it must be fetched", async () => {
      const a = await world.authority.issue("CN=a", { names: ["DNS:a.example.com"] });
      const b = await world.authority.issue("CN=b", { names: ["DNS:b.example.com"] });
      const asked: string[] = [];
      await listen({
        sni: (name) => {
          asked.push(name);
          return name === "a.example.com" ? a : Promise.resolve(name === "b.example.com" ? b : undefined);
        },
      });
      const seen: unknown[] = [];
      for (const servername of ["a.example.com", "b.example.com", "localhost"]) {
        seen.push((await dialWith({ servername })).info.certificate?.subject["CN"]);
      }
      expect(seen).to.deep.equal(["a", "b", "server"]);
      // An address is no name.
      expect((await dialWith({})).info.certificate?.subject["CN"]).to.equal("server");
      expect(asked).to.deep.equal(["a.example.com", "b.example.com", "localhost"]);
    });

    it("is that of the host that is dialed, unless another is given", async () => {
      const asked: string[] = [];
      await listen({ sni: (name) => void asked.push(name) as undefined });
      await dialWith({}, "localhost");
      expect(asked).to.deep.equal(["localhost"]);
    });

    it("without an answer ends the handshake, and the error is told", async () => {
      await listen({ sni: () => Promise.reject(new Error("no such name")) });
      expect((await rejectionOf(dialWith({ servername: "localhost" }))).message).to.contain("can't connect to");
      expect(errors.join()).to.contain("no such name");
      expect(accepted.links).to.deep.equal([]);
    });

    it("keeps what clients must show", async () => {
      const a = await world.authority.issue("CN=a", { names: ["DNS:a.example.com"] });
      await listen({ sni: () => a, ca: world.ca, clientCertificate: "require" });
      await dialWith({ servername: "a.example.com", ...world.ann });
      expect((await accepted.at(0)).info.certificate).to.deep.include({ authorized: true });
      expect((await accepted.at(0)).info.certificate?.subject["CN"]).to.equal("ann");
    });
  });

  describe("a client's certificate", () => {
    it("is demanded by one word, and a slip of it is refused", async () => {
      for (const clientCertificate of ["required", "Require", ""]) {
        const options = { ca: world.ca, clientCertificate: clientCertificate as "require" };
        expect(await rejectionOf(listen(options))).to.have.property(
          "message",
          `tls.clientCertificate is "${clientCertificate}", expected "none", "request" or "require"`,
        );
      }
    });

    it("is seen by the server, whole", async () => {
      await listen({ ca: world.ca, clientCertificate: "require" });
      await dialWith(world.ann);
      const { info } = await accepted.at(0);
      const { certificate } = info;
      expect(certificate).to.equal(info.certificate);
      expect(certificate).to.deep.include({
        subject: { CN: "ann", O: "acme" },
        subjectAltNames: ["URI:spiffe://example.com/ann", "DNS:ann"],
        authorized: true,
      });
      expect(certificate?.fingerprint256).to.match(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
      expect(certificate?.validTo.getTime()).to.be.above(Date.now());
      expect(certificate?.validFrom.getTime()).to.be.below(Date.now());
      expect(Object.getPrototypeOf(certificate?.raw)).to.equal(Uint8Array.prototype);
      expect(Buffer.from(certificate?.raw ?? []).toString("base64")).to.equal(
        world.ann.cert.replace(/-----.*-----|\n/g, ""),
      );
      // Still there when the link is gone.
      accepted.abort();
      expect(info.certificate?.subject["CN"]).to.equal("ann");
    });

    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      it(`that is missing where one is required makes no link, and the client hears why (${version})`, async () => {
        const port = await listen({ ca: world.ca, clientCertificate: "require" });
        const text = await failureOf(dialWith({ maxVersion: version }));
        expect(text)
          .to.contain(`${HOST}:${port}`)
          .and.match(/demand(s)? (a certificate|one)/);
        expect(accepted.links).to.deep.equal([]);
        expect(errors.join()).to.contain("the TLS handshake with ");
      });

      for (const clientCertificate of ["require", "request"] as const) {
        it(`of another authority makes no link where it is ${clientCertificate}d (${version})`, async () => {
          const port = await listen({ ca: world.ca, clientCertificate });
          const mallory = await (await createAuthority("CN=evil")).issue("CN=ann");
          const text = await failureOf(dialWith({ ...mallory, maxVersion: version }));
          expect(text).to.contain(`${HOST}:${port}`);
          expect(accepted.links).to.deep.equal([]);
          expect(errors.join()).to.match(/certificate|failed/);
        });
      }
    }

    it("may be missing where it is only requested", async () => {
      await listen({ ca: world.ca, clientCertificate: "request" });
      await dialWith({});
      expect((await accepted.at(0)).info.certificate).to.equal(undefined);
      await dialWith(world.ann);
      expect((await accepted.at(1)).info.certificate?.subject["CN"]).to.equal("ann");
    });

    it("that has expired makes no link", async () => {
      await listen({ ca: world.ca, clientCertificate: "request" });
      await failureOf(dialWith(await world.authority.issue("CN=old", { fromDay: -3, toDay: -1 })));
      expect(accepted.links).to.deep.equal([]);
      expect(errors.join()).to.contain("the certificate has expired (CERT_HAS_EXPIRED)");
    });

    it("needs to be told who vouches for it: public authorities know everybody", async () => {
      const error = await rejectionOf(
        listenTls({ host: HOST, port: 0, ...world.server, clientCertificate: "require" }, () => {}),
      );
      expect(error).to.be.instanceOf(TypeError);
      expect(error.message).to.contain("tls.ca");
    });
  });

  describe("a handshake", () => {
    it("that says nothing is ended when its time is up, without a word to anybody", async () => {
      const port = await listen({ handshakeTimeoutMs: 30 });
      const socket = connectSocket({ host: HOST, port });
      const startMs = performance.now();
      socket.resume().on("error", () => {});
      await once(socket, "close");
      expect(performance.now() - startMs).to.be.within(25, 2_000);
      expect(errors).to.deep.equal([]);
    });

    it("that stops half-way is ended when its time is up, too", async () => {
      const port = await listen({ handshakeTimeoutMs: 30 });
      const socket = connectSocket({ host: HOST, port });
      // A record of 512 bytes of handshake; ten of them.
      socket.write(bytesOf("1603010200" + "010001fc030300000000"));
      socket.resume().on("error", () => {});
      await once(socket, "close");
      expect(accepted.links).to.deep.equal([]);
    });

    it("whose other end has nothing more to say is over, and no news: load balancers look who listens", async () => {
      const port = await listen({ handshakeTimeoutMs: 60_000 });
      for (const begin of ["", "1603010200" + "010001fc030300000000"]) {
        const socket = connectSocket({ host: HOST, port });
        socket.resume().on("error", () => {});
        socket.end(bytesOf(begin));
        await once(socket, "close");
      }
      expect(errors).to.deep.equal([]);
    });

    it("that is garbage is ended at once, and told", async () => {
      const port = await listen();
      const socket = connectSocket({ host: HOST, port });
      socket.resume().on("error", () => {});
      socket.write("GET / HTTP/1.1\r\n\r\n");
      await once(socket, "close");
      expect(errors).to.have.length(1);
      expect(errors[0]).to.match(/the TLS handshake with .+ failed: the other end speaks HTTP without TLS/);
    });

    it("with TLS 1.1 is refused", async () => {
      const port = await listen();
      const socket = connectTls({
        host: HOST,
        port,
        ca: world.ca,
        minVersion: "TLSv1",
        maxVersion: "TLSv1.1",
        ciphers: "ALL@SECLEVEL=0",
      });
      const [error] = (await once(socket, "error")) as [Error];
      expect(error.message).to.match(/protocol version|unsupported protocol/);
    });

    it("is refused when so many are going on: maxHandshakes", async () => {
      const port = await listen({ maxHandshakes: 2 });
      const silent = [0, 1].map(() => connectSocket({ host: HOST, port }));
      await Promise.all(silent.map((socket) => once(socket, "connect")));
      expect((await rejectionOf(dialWith({}))).message).to.contain("can't connect to");
      // One that ends makes room for one.
      silent[0]?.resetAndDestroy();
      const startMs = performance.now();
      for (;;) {
        const link = await dialWith({}).catch(() => undefined);
        if (link !== undefined) break;
        if (performance.now() - startMs > 2_000) expect.fail("never let in again");
      }
      // Links don't count.
      for (let i = 0; i < 4; i++) {
        await accepted.at(i);
        await dialWith({});
      }
      silent[1]?.destroy();
    });

    it("with a server without TLS fails, and says so", async () => {
      const server = createTcpServer((socket) => socket.on("error", () => {}).end("hello, nobody here speaks TLS\n"));
      await once(server.listen(0, HOST), "listening");
      const { port } = server.address() as AddressInfo;
      const meaning = "the other end doesn't speak TLS (ERR_SSL_WRONG_VERSION_NUMBER)";
      const error = await rejectionOf(dial(tlsDialer({ host: HOST, port }, { ca: world.ca })));
      expect(error.message).to.equal(`can't connect to ${HOST}:${port}: ${meaning}`);
      const ofWebSocket = await rejectionOf(dial(wsDialer(`wss://${HOST}:${port}/rpc`, { tls: { ca: world.ca } })));
      expect(ofWebSocket.message).to.equal(`can't connect to wss://${HOST}:${port}/rpc: ${meaning}`);
      server.close();
    });

    it("is given up with the reason of the signal, while nobody answers", async () => {
      const server = createTcpServer((socket) => socket.on("error", () => {}));
      await once(server.listen(0, HOST), "listening");
      const controller = new AbortController();
      const { port } = server.address() as AddressInfo;
      const dialing = rejectionOf(tlsDialer({ host: HOST, port }, { ca: world.ca }).dial(controller.signal));
      const [socket] = (await once(server, "connection")) as [import("node:net").Socket];
      const reason = new Error("no time");
      controller.abort(reason);
      expect(await dialing).to.equal(reason);
      await once(socket.resume(), "close");
      server.close();
    });

    it("where nobody listens fails with the system's error", async () => {
      const port = await listen();
      await listener.close();
      const error = await rejectionOf(dial(tlsDialer({ host: HOST, port })));
      expect(error.message).to.equal(`can't connect to ${HOST}:${port}: connect ECONNREFUSED ${HOST}:${port}`);
      expect(error.cause).to.have.property("code", "ECONNREFUSED");
    });
  });

  it("answers what came before the other end has ended its side", async () => {
    await listen();
    const batch = { chunks: [bytesOf(CANCEL)], byteLength: 9 };
    const below = connectSocket({ host: HOST, port: portOf(listener.url), allowHalfOpen: true });
    const socket = connectTls({ socket: below, host: HOST, ca: world.ca });
    await once(socket, "secureConnect");
    const link = await accepted.at(0);
    const ended = Object.assign(new LinkRecorder(), {
      onPeerEnd: () => {
        link.send(batch);
        link.close();
      },
    });
    link.setHandler(ended);
    const received: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => received.push(chunk));
    socket.end(bytesOf(CANCEL));
    await once(socket, "close");
    expect(ended.frames).to.have.length(1);
    expect(Buffer.concat(received).toString("hex")).to.equal(CANCEL);
  });

  it("takes certificates as text and as bytes, and refuses what is none without quoting it", async () => {
    const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
    await listen({ cert: bytes(world.server.cert), key: bytes(world.server.key) });
    await dialWith({ ca: [bytes(world.ca)] });
    const secret = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
    const error = await rejectionOf(listenTls({ host: HOST, port: 0, cert: world.server.cert, key: secret }, () => {}));
    expect(error).to.be.instanceOf(TypeError);
    expect(error.message)
      .to.match(/^tls\.cert, tls\.key or tls\.ca can't be used: /)
      .and.not.contain("c2VjcmV0");
    const mismatch = await rejectionOf(
      listenTls({ host: HOST, port: 0, cert: world.server.cert, key: world.ann.key }, () => {}),
    );
    expect(mismatch.message).to.contain("key values mismatch");
    expect(() => tlsDialer({ host: HOST, port: 1 }, { cert: world.ann.cert })).to.throw(
      TypeError,
      "tls.cert is given alone",
    );
  });

  // A client of TLS 1.3 has its link before the server has seen its certificate: it fails then, or when it is used.
  async function failureOf(dialing: Promise<FrameLink>): Promise<string> {
    let link: FrameLink;
    try {
      link = await dialing;
    } catch (error) {
      return String(error);
    }
    const handler = new LinkRecorder();
    link.setHandler(handler);
    link.send({ chunks: [bytesOf(CANCEL)], byteLength: 9 });
    await handler.untilClosed();
    return String(handler.closes[0]);
  }
});
