// SPDX-License-Identifier: Apache-2.0
// Which method a request is for, and the application's metadata, in both modes.
package interop;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.CompositeByteBuf;
import io.netty.buffer.Unpooled;
import io.rsocket.metadata.CompositeMetadata;
import io.rsocket.metadata.CompositeMetadataCodec;
import io.rsocket.metadata.RoutingMetadata;
import io.rsocket.metadata.TaggingMetadataCodec;
import io.rsocket.metadata.WellKnownMimeType;
import java.util.List;

enum Routing {
  /** RPC metadata, version 1. */
  RPC("application/binary") {
    @Override
    ByteBuf encode(RpcMetadata metadata) {
      return Unpooled.wrappedBuffer(metadata.encode());
    }

    @Override
    RpcMetadata decode(ByteBuf bytes) {
      return RpcMetadata.decode(bytes.nioBuffer());
    }
  },

  /** One route, {@code service.method}; the application's part is an entry of its own. */
  COMPOSITE(WellKnownMimeType.MESSAGE_RSOCKET_COMPOSITE_METADATA.getString()) {
    @Override
    ByteBuf encode(RpcMetadata metadata) {
      ByteBufAllocator allocator = ByteBufAllocator.DEFAULT;
      CompositeByteBuf entries = allocator.compositeBuffer();
      List<String> route = List.of(metadata.service() + "." + metadata.method());
      CompositeMetadataCodec.encodeAndAddMetadata(
          entries,
          allocator,
          WellKnownMimeType.MESSAGE_RSOCKET_ROUTING,
          TaggingMetadataCodec.createTaggingContent(allocator, route));
      if (metadata.user().length > 0) {
        CompositeMetadataCodec.encodeAndAddMetadata(
            entries,
            allocator,
            WellKnownMimeType.APPLICATION_OCTET_STREAM,
            Unpooled.wrappedBuffer(metadata.user()));
      }
      return entries;
    }

    @Override
    RpcMetadata decode(ByteBuf bytes) {
      String route = "";
      byte[] user = TestCalls.NO_METADATA;
      for (CompositeMetadata.Entry entry : new CompositeMetadata(bytes, false)) {
        if (WellKnownMimeType.MESSAGE_RSOCKET_ROUTING.getString().equals(entry.getMimeType())) {
          route = new RoutingMetadata(entry.getContent()).iterator().next();
        } else if (WellKnownMimeType.APPLICATION_OCTET_STREAM.getString().equals(entry.getMimeType())) {
          user = ByteBufUtil.getBytes(entry.getContent());
        }
      }
      int dot = route.lastIndexOf('.');
      return new RpcMetadata(route.substring(0, Math.max(dot, 0)), route.substring(dot + 1), user);
    }
  };

  final String mimeType;

  Routing(String mimeType) {
    this.mimeType = mimeType;
  }

  abstract ByteBuf encode(RpcMetadata metadata);

  abstract RpcMetadata decode(ByteBuf bytes);

  /** As a SETUP says. */
  static Routing of(String mimeType) {
    return COMPOSITE.mimeType.equals(mimeType) ? COMPOSITE : RPC;
  }
}
