// SPDX-License-Identifier: Apache-2.0
// Contestant: rsocket-java over TCP, every option at its default but for pooled buffers without copies. Commands come as lines of JSON, as in ../../../../child.ts.
package bench;

import bench.v1.BenchOuterClass.DownloadRequest;
import bench.v1.BenchOuterClass.Item;
import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.sun.management.OperatingSystemMXBean;
import io.rsocket.Payload;
import io.rsocket.RSocket;
import io.rsocket.SocketAcceptor;
import io.rsocket.core.RSocketConnector;
import io.rsocket.core.RSocketServer;
import io.rsocket.frame.decoder.PayloadDecoder;
import io.rsocket.transport.netty.client.TcpClientTransport;
import io.rsocket.transport.netty.server.TcpServerTransport;
import io.rsocket.util.DefaultPayload;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

public final class Main {
  private static final int PAGE_BYTES = 4096;

  private static final OperatingSystemMXBean SYSTEM =
      ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);

  static final byte[] ECHO = metadata("bench.v1.Bench", "Echo");
  static final byte[] DOWNLOAD = metadata("bench.v1.Bench", "Download");

  private Main() {}

  public static void main(String[] args) throws IOException {
    RSocket rsocket = null;
    int port;
    if (args[0].equals("server")) {
      port =
          RSocketServer.create(SocketAcceptor.with(new Service()))
              .payloadDecoder(PayloadDecoder.ZERO_COPY)
              .bindNow(TcpServerTransport.create("127.0.0.1", 0))
              .address()
              .getPort();
    } else {
      port = Integer.parseInt(args[3]);
      rsocket =
          RSocketConnector.create()
              .payloadDecoder(PayloadDecoder.ZERO_COPY)
              .connect(TcpClientTransport.create("127.0.0.1", port))
              .block();
    }
    Gson gson = new Gson();
    System.out.println(gson.toJson(Map.of("ok", true, "value", Map.of("port", port))));
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      Map<String, ?> reply;
      try {
        reply = Map.of("ok", true, "value", execute(rsocket, gson.fromJson(line, JsonObject.class)));
      } catch (Exception error) {
        reply = Map.of("ok", false, "error", error.toString());
      }
      System.out.println(gson.toJson(reply));
    }
    System.exit(0);
  }

  private static Object execute(RSocket rsocket, JsonObject command) throws Exception {
    switch (command.get("name").getAsString()) {
      case "settle":
        System.gc();
        return usage();
      case "usage":
        return usage();
      case "run":
        return new Load(rsocket, command.getAsJsonObject("scenario"), command.getAsJsonObject("until")).run();
      default:
        throw new IllegalArgumentException(command.get("name") + " is not for a program, expected usage, settle or run");
    }
  }

  private static Map<String, Long> usage() throws IOException {
    Path statm = Path.of("/proc/self/statm");
    long pages = Files.exists(statm) ? Long.parseLong(Files.readString(statm).split(" ")[1]) : 0;
    return Map.of("cpuMicros", cpuMicros(), "residentBytes", pages * PAGE_BYTES);
  }

  /** User + system of all threads, the collector's and the compiler's too. */
  static long cpuMicros() {
    return SYSTEM.getProcessCpuTime() / 1000;
  }

  static Item item(Payload payload) {
    try {
      return Item.parseFrom(payload.data().nioBuffer());
    } catch (InvalidProtocolBufferException error) {
      throw new IllegalStateException(error);
    } finally {
      payload.release();
    }
  }

  /** u16 version 1 · u16 length + service · u16 length + method · u16 length of the tracing map, here empty. */
  private static byte[] metadata(String service, String method) {
    ByteBuffer bytes = ByteBuffer.allocate(8 + service.length() + method.length()).putShort((short) 1);
    for (String name : new String[] {service, method}) {
      bytes.putShort((short) name.length()).put(name.getBytes(StandardCharsets.UTF_8));
    }
    return bytes.array();
  }

  /** The metadata is not read: it doesn't route by it. */
  private static final class Service implements RSocket {
    @Override
    public Mono<Payload> requestResponse(Payload request) {
      Item answer = Item.newBuilder().setPayload(item(request).getPayload()).build();
      return Mono.just(DefaultPayload.create(answer.toByteArray()));
    }

    @Override
    public Flux<Payload> requestStream(Payload request) {
      try {
        DownloadRequest asked = DownloadRequest.parseFrom(request.data().nioBuffer());
        ByteString body = ByteString.copyFrom(new byte[asked.getPayloadBytes()]);
        return Flux.range(0, asked.getCount())
            .map(index -> DefaultPayload.create(Item.newBuilder().setPayload(body).build().toByteArray()));
      } catch (InvalidProtocolBufferException error) {
        return Flux.error(error);
      } finally {
        request.release();
      }
    }
  }
}
