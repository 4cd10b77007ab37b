// SPDX-License-Identifier: Apache-2.0
// The part of the packages of rsocket-js 0.0.27 that the benchmark touches; they come without types. All are CommonJS.
declare module "rsocket-flowable" {
  export interface Subscription {
    request(n: number): void;
    cancel(): void;
  }
  export interface FlowableSubscriber<T> {
    onSubscribe(subscription: Subscription): void;
    onNext(value: T): void;
    onComplete(): void;
    onError(error: Error): void;
  }
  export interface SingleSubscriber<T> {
    onSubscribe?(cancel: () => void): void;
    onComplete(value: T): void;
    onError(error: Error): void;
  }
  export interface Single<T> {
    subscribe(subscriber: SingleSubscriber<T>): void;
  }
  export interface Flowable<T> {
    subscribe(subscriber: FlowableSubscriber<T>): void;
  }
  const exported: {
    readonly Single: { of<T>(value: T): Single<T> };
    readonly Flowable: new <T>(source: (subscriber: FlowableSubscriber<T>) => void) => Flowable<T>;
  };
  export default exported;
}

declare module "rsocket-core" {
  import type { Flowable, Single } from "rsocket-flowable";
  export interface Payload {
    data: Buffer;
    metadata?: Buffer;
  }
  export interface ReactiveSocket {
    requestResponse(payload: Payload): Single<Payload>;
    requestStream(payload: Payload): Flowable<Payload>;
    requestChannel(payloads: Flowable<Payload>): Flowable<Payload>;
    fireAndForget(payload: Payload): void;
    close(): void;
  }
  export interface Responder {
    requestResponse(payload: Payload): Single<Payload>;
    requestStream(payload: Payload): Flowable<Payload>;
    requestChannel(payloads: Flowable<Payload>): Flowable<Payload>;
    fireAndForget(payload: Payload): void;
  }
  export interface ClientConfig {
    setup: { dataMimeType: string; metadataMimeType: string; keepAlive: number; lifetime: number };
    transport: unknown;
  }
  const exported: {
    readonly BufferEncoders: unknown;
    readonly RSocketClient: new (config: ClientConfig) => { connect(): Single<ReactiveSocket>; close(): void };
    readonly RSocketServer: new (config: {
      getRequestHandler(): Responder;
      transport: unknown;
    }) => { start(): void; stop(): void };
  };
  export default exported;
}

declare module "rsocket-tcp-client" {
  const exported: {
    readonly default: new (options: { host: string; port: number; noDelay?: boolean }, encoders: unknown) => unknown;
  };
  export default exported;
}

declare module "rsocket-tcp-server" {
  import type { Server, Socket } from "node:net";
  export interface ServerOptions {
    host: string;
    port: number;
    serverFactory?(onConnection: (socket: Socket) => void): Server;
  }
  const exported: { readonly default: new (options: ServerOptions, encoders: unknown) => unknown };
  export default exported;
}
