// SPDX-License-Identifier: Apache-2.0
// What clients and servers own alike of a connection: what it tells goes to the hooks, once there are some.

import type { ExtFrame, SetupFrame } from "../frames/frame.js";
import type { Stream } from "../session/stream.js";
import type { CloseReason, ConnectionHooks, ConnectionOwner } from "./connection.js";

/** Subclasses hear of the rest themselves. */
export abstract class HookedOwner implements ConnectionOwner {
  hooks: ConnectionHooks | undefined;

  abstract onClosed(reason: CloseReason): void;

  onSetup(_setup: SetupFrame): void {}

  onEstablished(): void {}

  onRequest(stream: Stream, metadata: Uint8Array | undefined, data: Uint8Array, complete: boolean): void {
    this.hooks?.onRequest(stream, metadata, data, complete);
  }

  onMetadataPush(metadata: Uint8Array): void {
    this.hooks?.onMetadataPush(metadata);
  }

  onExtension(frame: ExtFrame): boolean {
    return this.hooks?.onExtension?.(frame) ?? false;
  }

  onDraining(): void {
    this.hooks?.onDraining?.();
  }

  resumeGreeting(): Uint8Array | undefined {
    return this.hooks?.resumeGreeting?.();
  }

  encodeErrorData(code: number, message: string, isAboveLimit?: boolean): Uint8Array | undefined {
    return this.hooks?.encodeErrorData?.(code, message, isAboveLimit);
  }

  onRefused(code: number, message: string): void {
    this.hooks?.onRefused?.(code, message);
  }

  onLeaseRefused(isFireAndForget: boolean): void {
    this.hooks?.onLeaseRefused?.(isFireAndForget);
  }
}
