// SPDX-License-Identifier: Apache-2.0
// A client of rsocket-rpc-java that calls a service of rsocket-rpc by its generated class. example.ts serves it.
package example;

import com.google.protobuf.ByteString;
import io.rsocket.RSocket;
import io.rsocket.RSocketFactory;
import io.rsocket.interop.v1.SimpleRequest;
import io.rsocket.interop.v1.SimpleResponse;
import io.rsocket.interop.v1.StreamRequest;
import io.rsocket.interop.v1.TestServiceClient;
import io.rsocket.transport.netty.client.TcpClientTransport;
import java.util.List;
import reactor.core.publisher.Flux;

public class RpcClient {
  public static void main(String[] args) {
    RSocket connection =
        RSocketFactory.connect()
            // It joins fragments only when it makes some itself; rsocket-rpc sends fragments of 64 KiB.
            .fragment(65_536)
            .transport(TcpClientTransport.create("127.0.0.1", Integer.parseInt(args[0])))
            .start()
            .block();
    TestServiceClient client = new TestServiceClient(connection);
    SimpleRequest hello = SimpleRequest.newBuilder().setPayload(ByteString.copyFromUtf8("hello")).build();
    StreamRequest three = StreamRequest.newBuilder().addAllSizes(List.of(1, 1, 1)).build();

    System.out.println(client.unaryCall(hello).block().getPayload().toStringUtf8());
    System.out.println(client.serverStream(three).map(SimpleResponse::getSequence).collectList().block());
    System.out.println(client.clientStream(Flux.just(hello, hello)).block().getCount());
    connection.dispose();
    System.exit(0);
  }
}
