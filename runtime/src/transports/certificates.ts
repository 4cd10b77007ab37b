// SPDX-License-Identifier: Apache-2.0
// Certificates of others, as links tell of them (RFC 5280), read when somebody asks.

import type { X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import type { LinkInfo, PeerCertificate } from "../engine/link.js";

/** How Node lists alternative names; a name with a comma or a quote in it is in JSON's quotes. */
const ALTERNATIVE_NAME = /([\w ]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/y;

/** @internal What a link over TLS knows, its certificate parsed when it is asked for. Kept: a socket that is gone has none. */
export function withCertificate<Info extends LinkInfo>(info: Info, socket: TLSSocket): Info {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return info;
  const { authorized } = socket;
  let parsed: PeerCertificate | undefined;
  return Object.defineProperty(info, "certificate", {
    enumerable: true,
    get: () => (parsed ??= readCertificate(certificate, authorized)),
  });
}

function readCertificate(certificate: X509Certificate, authorized: boolean): PeerCertificate {
  const { subject, issuer } = certificate.toLegacyObject();
  return {
    subject: { ...subject },
    issuer: { ...issuer },
    subjectAltNames: readAlternativeNames(certificate.subjectAltName ?? ""),
    fingerprint256: certificate.fingerprint256,
    serialNumber: certificate.serialNumber,
    validFrom: new Date(certificate.validFrom),
    validTo: new Date(certificate.validTo),
    raw: new Uint8Array(certificate.raw),
    authorized,
  };
}

/** @internal The alternative names of `text`, each with its kind. */
export function readAlternativeNames(text: string): readonly string[] {
  return [...text.matchAll(new RegExp(ALTERNATIVE_NAME, "gy"))].map(([, kind = "", value = ""]) => {
    const name = value.startsWith('"') ? (JSON.parse(value) as string) : value;
    return `${kind === "IP Address" ? "IP" : kind}:${name}`;
  });
}
