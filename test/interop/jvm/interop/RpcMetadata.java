// SPDX-License-Identifier: Apache-2.0
// RPC metadata, version 1: u16 version, then service, method and tracing with u16 lengths; the rest is the application's.
package interop;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** @param user the application's part */
public record RpcMetadata(String service, String method, byte[] user) {
  private static final short VERSION = 1;
  private static final int LENGTHS_BYTES = 8;

  public byte[] encode() {
    byte[] serviceBytes = service.getBytes(StandardCharsets.UTF_8);
    byte[] methodBytes = method.getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(LENGTHS_BYTES + serviceBytes.length + methodBytes.length + user.length)
        .putShort(VERSION)
        .putShort((short) serviceBytes.length)
        .put(serviceBytes)
        .putShort((short) methodBytes.length)
        .put(methodBytes)
        .putShort((short) 0)
        .put(user)
        .array();
  }

  public static RpcMetadata decode(ByteBuffer bytes) {
    short version = bytes.getShort();
    if (version != VERSION) throw new IllegalArgumentException("RPC metadata has version " + version + ", expected 1");
    String service = text(bytes);
    String method = text(bytes);
    part(bytes); // tracing
    byte[] user = new byte[bytes.remaining()];
    bytes.get(user);
    return new RpcMetadata(service, method, user);
  }

  private static String text(ByteBuffer bytes) {
    return new String(part(bytes), StandardCharsets.UTF_8);
  }

  private static byte[] part(ByteBuffer bytes) {
    byte[] part = new byte[bytes.getShort() & 0xffff];
    bytes.get(part);
    return part;
  }
}
