// SPDX-License-Identifier: Apache-2.0
// An authority, a server that it vouches for, and what tests of TLS and Unix sockets do with links.

import { type Authority, createAuthority, type Identity } from "../../examples/hello/certificates.js";
import type { Dialer, FrameLink } from "../../runtime/src/engine/link.js";

/** Where all of them listen. */
export const HOST = "127.0.0.1";

/** Who vouches for whom. */
export interface TlsWorld {
  readonly authority: Authority;
  readonly ca: string;
  /** For 127.0.0.1 and localhost. */
  readonly server: Identity;
  /** CN=ann, with a URI. */
  readonly ann: Identity;
}

let world: Promise<TlsWorld> | undefined;

/** The same for all tests of a process: making keys takes a while. */
export function tlsWorld(): Promise<TlsWorld> {
  world ??= createWorld();
  return world;
}

async function createWorld(): Promise<TlsWorld> {
  const authority = await createAuthority();
  const server = await authority.issue("CN=server", { names: ["IP:127.0.0.1", "DNS:localhost"] });
  const ann = await authority.issue("CN=ann, O=acme", { names: ["URI:spiffe://example.com/ann", "DNS:ann"] });
  return { authority, ca: authority.ca, server, ann };
}

/** Links that were accepted, in order. */
export class Accepted {
  readonly links: FrameLink[] = [];
  #waiting: (() => void) | undefined;

  readonly onLink = (link: FrameLink): void => {
    this.links.push(link);
    this.#waiting?.();
  };

  /** Resolves with link `index`. */
  async at(index: number): Promise<FrameLink> {
    for (;;) {
      const link = this.links[index];
      if (link !== undefined) return link;
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
  }

  abort(): void {
    for (const link of this.links.splice(0)) link.abort();
  }
}

/** Opens a link. */
export function dial(dialer: Dialer): Promise<FrameLink> {
  return dialer.dial(new AbortController().signal);
}

/** What `promise` is rejected with; an Error as far as its type goes. */
export async function rejectionOf(promise: Promise<unknown>): Promise<Error> {
  const error = await promise.then(
    () => new Error("it resolved"),
    (reason: unknown) => reason,
  );
  return error as Error;
}

/** The port in a URL. */
export function portOf(url: string): number {
  return Number(new URL(url).port);
}
