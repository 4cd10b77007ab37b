// SPDX-License-Identifier: Apache-2.0
// How messages and metadata are read and written: with these strategies Spring speaks to rsocket-rpc.
package interop;

import org.springframework.http.codec.protobuf.ProtobufDecoder;
import org.springframework.http.codec.protobuf.ProtobufEncoder;
import org.springframework.messaging.rsocket.RSocketStrategies;
import org.springframework.util.MimeType;
import org.springframework.util.MimeTypeUtils;

final class Protobuf {
  static final MimeType MIME_TYPE = MimeType.valueOf("application/x-protobuf");
  static final MimeType OCTET_STREAM = MimeTypeUtils.APPLICATION_OCTET_STREAM;

  /** Under this name handlers find the application's own entry. */
  static final String USER_METADATA = "user-metadata";

  private Protobuf() {}

  static void configure(RSocketStrategies.Builder strategies) {
    strategies
        .encoder(new ProtobufEncoder())
        .decoder(new ProtobufDecoder())
        .metadataExtractorRegistry(registry -> registry.metadataToExtract(OCTET_STREAM, byte[].class, USER_METADATA));
  }
}
