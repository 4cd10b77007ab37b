// SPDX-License-Identifier: Apache-2.0
// Options of TLS as Node wants them, checked before anything is opened.

import { isIP } from "node:net";
import { type ConnectionOptions, createSecureContext, type SecureContext, type TlsOptions } from "node:tls";
import { checkOptions, type Kinds } from "../bytes/options.js";
import type { Pem, TlsDialOptions, TlsIdentity, TlsServerOptions } from "./addresses.js";

/** 1.0 and 1.1 are broken (RFC 8996). */
const MIN_VERSION = "TLSv1.2";

let hasWarned = false;

const COMMON: Kinds = {
  cert: "string|bytes",
  key: "string|bytes",
  passphrase: "string",
  ca: "string|bytes|list",
  minVersion: "",
  maxVersion: "",
};

/** @internal @throws RangeError for an option that doesn't exist, or can't be meant. */
export function checkServerTls(options: TlsServerOptions): void {
  checkOptions(options, { ...COMMON, clientCertificate: "", sni: "function" }, "tls.");
}

/** @internal For dialing `host`. @throws Error when a certificate or a key can't be used. */
export function dialOptionsOf(host: string, options: TlsDialOptions): ConnectionOptions {
  checkOptions(options, { ...COMMON, servername: "string", dangerouslyAcceptAnyCertificate: "" }, "tls.");
  const { servername, dangerouslyAcceptAnyCertificate = false } = options;
  // From a file of settings it may be the text "false".
  if (typeof dangerouslyAcceptAnyCertificate !== "boolean") {
    throw new TypeError(
      `tls.dangerouslyAcceptAnyCertificate is ${JSON.stringify(dangerouslyAcceptAnyCertificate)}, expected a boolean`,
    );
  }
  if (dangerouslyAcceptAnyCertificate) warnOfDanger();
  return {
    secureContext: contextOf(options),
    host,
    // An address is no name that can be asked for (RFC 6066 §3); the certificate is checked against it all the same.
    servername: servername ?? (isIP(host) === 0 ? host : ""),
    // Said in any case: an environment variable would switch it off otherwise.
    rejectUnauthorized: !dangerouslyAcceptAnyCertificate,
    ...(dangerouslyAcceptAnyCertificate ? { checkServerIdentity: () => undefined } : {}),
  };
}

/** @internal For a server. @throws TypeError when clients can't be checked, Error when a certificate or a key can't be used. */
export function serverOptionsOf(options: TlsServerOptions): TlsOptions {
  const { clientCertificate = "none", ca, sni } = options;
  // From a file of settings it may be anything, and a slip must not open the door.
  if (!["none", "request", "require"].includes(clientCertificate)) {
    throw new TypeError(`tls.clientCertificate is "${clientCertificate}", expected "none", "request" or "require"`);
  }
  if (clientCertificate !== "none" && ca === undefined) {
    // Otherwise anybody with a certificate of a public authority would be let in.
    throw new TypeError(
      `tls.clientCertificate is "${clientCertificate}", but tls.ca doesn't say whose certificates count`,
    );
  }
  if (options.cert === undefined && options.key === undefined) {
    throw new TypeError("tls.cert and tls.key are missing, expected who this server is");
  }
  contextOf(options);
  return {
    ...materialOf(options),
    requestCert: clientCertificate !== "none",
    // Node would refuse those that show nothing; who shows something wrong is refused by `isRefused`.
    rejectUnauthorized: clientCertificate === "require",
    ...(sni === undefined ? {} : { SNICallback: sniCallback(options, (serverName) => sni.call(options, serverName)) }),
  };
}

/** @internal What `setSecureContext` of a server wants for a new identity. @throws Error when it can't be used. */
export function renewedOptionsOf(options: TlsServerOptions, identity: TlsIdentity): TlsOptions {
  const { passphrase: _, ...rest } = options;
  const renewed = { ...rest, ...identity };
  contextOf(renewed);
  return materialOf(renewed);
}

const VERSIONS: readonly unknown[] = ["TLSv1.2", "TLSv1.3"];

// From a file of settings it may be one that is broken, or empty bounds, within which no handshake succeeds.
function checkVersions({ minVersion = MIN_VERSION, maxVersion = "TLSv1.3" }: Material): void {
  for (const [name, version] of Object.entries({ minVersion, maxVersion })) {
    if (VERSIONS.includes(version)) continue;
    throw new TypeError(`tls.${name} is ${JSON.stringify(version)}, expected "TLSv1.2" or "TLSv1.3"`);
  }
  if (minVersion > maxVersion)
    throw new TypeError(`tls.minVersion is ${minVersion}, above tls.maxVersion, ${maxVersion}`);
}

type Material = Partial<TlsIdentity> & Pick<TlsDialOptions, "ca" | "minVersion" | "maxVersion">;

function materialOf({ ca, cert, key, passphrase, minVersion = MIN_VERSION, maxVersion }: Material): TlsOptions {
  return {
    ...(ca === undefined
      ? {}
      : { ca: typeof ca === "string" || ca instanceof Uint8Array ? bufferOf(ca) : ca.map(bufferOf) }),
    ...(cert === undefined ? {} : { cert: bufferOf(cert) }),
    ...(key === undefined ? {} : { key: bufferOf(key) }),
    ...(passphrase === undefined ? {} : { passphrase }),
    minVersion,
    ...(maxVersion === undefined ? {} : { maxVersion }),
  };
}

// Node takes a Uint8Array for a list of something.
function bufferOf(pem: Pem): string | Buffer {
  return typeof pem === "string" ? pem : Buffer.from(pem.buffer, pem.byteOffset, pem.byteLength);
}

function contextOf(material: Material): SecureContext {
  const { ca, cert, key } = material;
  checkVersions(material);
  if ((cert === undefined) !== (key === undefined)) {
    throw new TypeError(`tls.${cert === undefined ? "key" : "cert"} is given alone, expected tls.cert and tls.key`);
  }
  // Node takes an empty text, such as a variable that isn't set, for none: all public authorities would be trusted then.
  for (const [name, pem] of Object.entries({ cert, key })) {
    if (pem !== undefined && pem.length === 0) throw new TypeError(`tls.${name} is empty, expected PEM`);
  }
  if (ca !== undefined) {
    const authorities = typeof ca === "string" || ca instanceof Uint8Array ? [ca] : ca;
    if (authorities.length === 0 || !authorities.every(holdsCertificate)) {
      throw new TypeError("tls.ca holds no certificate, expected one in PEM, or several");
    }
  }
  try {
    return createSecureContext(materialOf(material));
  } catch (cause) {
    // OpenSSL's words name no secret, and which of them is wrong only sometimes.
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(`tls.cert, tls.key or tls.ca can't be used: ${reason}`, { cause });
  }
}

function holdsCertificate(pem: Pem): boolean {
  return /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/.test(bufferOf(pem).toString());
}

type SniCallback = NonNullable<TlsOptions["SNICallback"]>;

// Contexts are kept by identity: making one takes as long as a handshake.
function sniCallback(
  options: TlsServerOptions,
  choose: (serverName: string) => TlsIdentity | undefined | Promise<TlsIdentity | undefined>,
): SniCallback {
  const contexts = new WeakMap<TlsIdentity, SecureContext>();
  const find = async (serverName: string): Promise<SecureContext | undefined> => {
    const identity = await choose(serverName);
    if (identity === undefined) return undefined;
    const { passphrase: _, ...rest } = options;
    const context = contexts.get(identity) ?? contextOf({ ...rest, ...identity });
    contexts.set(identity, context);
    return context;
  };
  return (serverName, done) => {
    find(serverName).then(
      (context) => done(null, context),
      (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
    );
  };
}

function warnOfDanger(): void {
  if (hasWarned) return;
  hasWarned = true;
  process.emitWarning(
    "dangerouslyAcceptAnyCertificate: whoever is on the way can read and change what this process sends over TLS",
    "RSocketSecurityWarning",
  );
}
