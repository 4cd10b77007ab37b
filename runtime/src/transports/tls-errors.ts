// SPDX-License-Identifier: Apache-2.0
// What the errors of TLS mean, in words for people: OpenSSL's own name its source lines, and Node's not whose fault it is.

/** What is wrong with a certificate or a handshake, by the code of Node's error. */
const MEANINGS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "the certificate has expired",
  CERT_NOT_YET_VALID: "the certificate is not valid yet",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the certificate is self-signed and not among the authorities in `ca`",
  SELF_SIGNED_CERT_IN_CHAIN: "the certificate's authority is not among those in `ca`",
  UNABLE_TO_GET_ISSUER_CERT: "the certificate's authority is not among those in `ca`",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the certificate's authority is not among those in `ca`",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the certificate's authority is not among those in `ca`",
  CERT_SIGNATURE_FAILURE: "the certificate wasn't signed by the authority that it names",
  INVALID_PURPOSE: "the certificate is meant for something else",
  ERR_SSL_WRONG_VERSION_NUMBER: "the other end doesn't speak TLS",
  ERR_SSL_HTTP_REQUEST: "the other end speaks HTTP without TLS",
  ERR_SSL_UNSUPPORTED_PROTOCOL: "the other end speaks no version of TLS that is allowed here",
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: "the other end refuses the versions of TLS that are allowed here",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: "the other end demands a certificate",
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: "the other end refuses the handshake; it may demand a certificate",
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: "the other end doesn't know the authority of the certificate shown to it",
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: "the other end refuses the certificate shown to it",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: "to the other end the certificate shown to it has expired",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: "the other end refuses the certificate shown to it",
  ERR_TLS_HANDSHAKE_TIMEOUT: "the TLS handshake took too long",
};

/** @internal What `error` means, when it is one of TLS: with its code, without OpenSSL's lines. */
export function tlsReasonOf(error: Error): string | undefined {
  const { code: given, reason } = error as { readonly code?: unknown; readonly reason?: unknown };
  if (typeof given !== "string") return undefined;
  // Whoever was writing when it failed hears it from the system, with OpenSSL's text.
  const code =
    given === "EPROTO" && /wrong version number/i.test(error.message) ? "ERR_SSL_WRONG_VERSION_NUMBER" : given;
  // The names in the certificate, which say what was meant, are in Node's own text.
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return `the certificate is for other names: ${String(reason)} (${code})`;
  // OpenSSL 3.2 and newer call the alerts that SSL 3 had by another name.
  const meaning = MEANINGS[code.replace("ERR_SSL_SSL/TLS_ALERT_", "ERR_SSL_SSLV3_ALERT_")];
  if (meaning !== undefined) return `${meaning} (${code})`;
  if (code.startsWith("ERR_SSL_") && typeof reason === "string") return `${reason} (${code})`;
  return undefined;
}
