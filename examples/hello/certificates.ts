// SPDX-License-Identifier: Apache-2.0
// Certificates for examples and tests, made when they run: nobody else trusts them, and they never expire in a repository.

// The polyfill that @peculiar/x509 wants to find.
import "reflect-metadata";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsageExtension,
  type JsonGeneralName,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const CLIENT_AND_SERVER = ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"];
const DAY_MS = 86_400_000;

/** A certificate and its key, as PEM. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

/** What a certificate says. */
export interface IssueOptions {
  /** Names that it is for: `DNS:localhost`, `IP:127.0.0.1`, `URI:…`. */
  readonly names?: readonly string[];
  /** Days from now; −1 and 1 unless given. */
  readonly fromDay?: number;
  readonly toDay?: number;
}

/** Somebody who signs certificates. */
export interface Authority {
  /** Its own certificate: whoever trusts it trusts all that it signs. */
  readonly ca: string;
  /** A certificate for `subject`, such as `CN=ann`. */
  issue(subject: string, options?: IssueOptions): Promise<Identity>;
}

/** A new authority. */
export async function createAuthority(subject = "CN=an authority for tests"): Promise<Authority> {
  cryptoProvider.set(globalThis.crypto);
  const keys = await generateKeys();
  const root = await X509CertificateGenerator.createSelfSigned({
    name: subject,
    keys,
    ...common({}),
    extensions: [new BasicConstraintsExtension(true, 0, true)],
  });
  return {
    ca: root.toString("pem"),
    issue: (name, options = {}) => issue(root, keys, name, options),
  };
}

async function issue(
  root: X509Certificate,
  signing: CryptoKeyPair,
  subject: string,
  options: IssueOptions,
): Promise<Identity> {
  const keys = await generateKeys();
  const names = (options.names ?? []).map(toGeneralName);
  const certificate = await X509CertificateGenerator.create({
    subject,
    issuer: root.subject,
    publicKey: keys.publicKey,
    signingKey: signing.privateKey,
    ...common(options),
    extensions: [
      new BasicConstraintsExtension(false),
      new ExtendedKeyUsageExtension(CLIENT_AND_SERVER),
      await AuthorityKeyIdentifierExtension.create(root),
      ...(names.length > 0 ? [new SubjectAlternativeNameExtension(names)] : []),
    ],
  });
  const pkcs8 = await globalThis.crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return { cert: certificate.toString("pem"), key: pemOf(pkcs8) };
}

function common({ fromDay = -1, toDay = 1 }: IssueOptions) {
  return {
    serialNumber: Buffer.from(globalThis.crypto.getRandomValues(new Uint8Array(8)))
      .toString("hex")
      .replace(/^./, "1"),
    notBefore: new Date(Date.now() + fromDay * DAY_MS),
    notAfter: new Date(Date.now() + toDay * DAY_MS),
    signingAlgorithm: ALGORITHM,
  };
}

function generateKeys(): Promise<CryptoKeyPair> {
  return globalThis.crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]) as Promise<CryptoKeyPair>;
}

function toGeneralName(name: string): JsonGeneralName {
  const colon = name.indexOf(":");
  const type = { DNS: "dns", IP: "ip", URI: "url", email: "email" }[name.slice(0, colon)];
  return { type: type as JsonGeneralName["type"], value: name.slice(colon + 1) };
}

function pemOf(pkcs8: ArrayBuffer): string {
  const lines =
    Buffer.from(pkcs8)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join("\n")}\n-----END PRIVATE KEY-----\n`;
}
