// SPDX-License-Identifier: Apache-2.0
// Opens a connection: dial, SETUP, and the proof that it was accepted (RSocket 1.0 §Connection Establishment).

import type { Dialer, FrameLink } from "../engine/link.js";
import { sharedPool } from "../engine/pool.js";
import { type Scheduler, systemScheduler, type Timer } from "../engine/scheduler.js";
import { ErrorCode } from "../frames/errors.js";
import type { ResumptionInit, SetupPayload } from "../session/connection.js";
import { ConnectionError } from "../session/errors.js";
import { ResumeLedger } from "../session/resume-store.js";
import { type ConnectionSettings, type ConnectionSettingsInit, resolveSettings } from "../session/settings.js";
import { type CloseReason, type ConnectionHooks, RSocketConnection } from "./connection.js";
import { HookedOwner } from "./hooked-owner.js";
import type { ClientLeaseOptions } from "./lease.js";
import { clientLeases, type LeaseSetup } from "./lease-grants.js";
import { extensionHandlerOf, handlerOf, pushHandlerOf, type Responder } from "./responder.js";
import { LinkRestorer, type ResumeOptions, randomToken } from "./restore-link.js";
import { messageOf } from "./thrown.js";

/** Options of `connectRSocket`. */
export interface ConnectRSocketOptions {
  /** Where to. */
  readonly dialer: Dialer;
  /** SETUP, or what gives it, asked once; the mime types are `application/octet-stream` unless given. */
  readonly setup?: Partial<SetupPayload> | (() => Promise<Partial<SetupPayload>>);
  /** Answers the peer's requests. */
  readonly responder?: Responder;
  readonly settings?: ConnectionSettingsInit;
  /**
   * True, or how: SETUP says that this client honours leases, and asks for them. Servers without leases refuse that; those
   * that send leases unasked are obeyed in any case.
   */
  readonly lease?: boolean | ClientLeaseOptions;
  /** Gives up. */
  readonly signal?: AbortSignal;
  /** For dialing and the peer's acceptance together. 10 s. */
  readonly timeoutMs?: number;
  /** False: resolve when SETUP is on its way, without waiting for the peer to accept it. */
  readonly confirm?: boolean;
  /**
   * The connection outlives its links: what is under way goes on when a new one is there. Servers that can't do that
   * refuse the SETUP, or later the RESUME; then the connection ends. Off.
   */
  readonly resume?: boolean | ResumeOptions;
  readonly scheduler?: Scheduler;
}

const EMPTY = new Uint8Array(0);
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Connects. Resolves when the peer has accepted the SETUP: nothing acknowledges it, but the answer to a KEEPALIVE, or
 * any other frame than ERROR on stream 0, proves it.
 * @throws ConnectionError with the peer's code when it refused; when it can't be reached; when time is up; on abort.
 */
export function connectRSocket(options: ConnectRSocketOptions): Promise<RSocketConnection> {
  const { responder = {} } = options;
  return openConnection(options, () => ({
    onRequest: handlerOf(responder),
    onMetadataPush: pushHandlerOf(responder),
    onExtension: extensionHandlerOf(responder),
  }));
}

/** @internal `connectRSocket` with hooks that are made when the connection is there, before anything is sent. */
export async function openConnection(
  options: ConnectRSocketOptions,
  hooksOf: (connection: RSocketConnection) => ConnectionHooks,
): Promise<RSocketConnection> {
  const scheduler = options.scheduler ?? systemScheduler;
  const settings = resolveSettings(options.settings);
  const attempt = new Attempt(scheduler, options.timeoutMs ?? CONNECT_TIMEOUT_MS, options.signal);
  let link: FrameLink | undefined;
  let connection: RSocketConnection | undefined;
  try {
    const setup = typeof options.setup === "function" ? await attempt.race(options.setup(), () => {}) : options.setup;
    link = await attempt.race(options.dialer.dial(attempt.signal), (late) => late.abort());
    const { dialer, resume } = options;
    const lease = clientLeases(options.lease);
    const established = startConnection({ link, dialer, settings, scheduler, setup, hooksOf, resume, lease });
    connection = established.connection;
    await attempt.race(options.confirm === false ? established.written : established.accepted, () => {});
    return connection;
  } catch (error) {
    if (connection === undefined) link?.abort();
    else connection.abort("connecting was given up");
    if (error instanceof RangeError) throw error; // a wrong option is the caller's mistake, no failed attempt
    throw toConnectError(error);
  } finally {
    attempt.end();
  }
}

interface Starting {
  readonly connection: RSocketConnection;
  readonly accepted: Promise<void>;
  readonly written: Promise<void>;
}

interface StartInit {
  readonly link: FrameLink;
  readonly dialer: Dialer;
  readonly settings: ConnectionSettings;
  readonly scheduler: Scheduler;
  readonly setup: Partial<SetupPayload> | undefined;
  readonly resume: boolean | ResumeOptions | undefined;
  readonly lease: LeaseSetup | undefined;
  readonly hooksOf: (connection: RSocketConnection) => ConnectionHooks;
}

function startConnection({
  link,
  dialer,
  settings,
  scheduler,
  setup: given,
  resume,
  lease,
  hooksOf,
}: StartInit): Starting {
  const owner = new ClientOwner();
  const setup: SetupPayload = {
    metadataMimeType: given?.metadataMimeType ?? "application/octet-stream",
    dataMimeType: given?.dataMimeType ?? "application/octet-stream",
    metadata: given?.metadata,
    data: given?.data ?? EMPTY,
  };
  const resumption = resume === undefined || resume === false ? undefined : resumptionOf(resume, settings);
  const init = { link, settings, scheduler, pool: sharedPool, owner, setup, lease };
  const connection = new RSocketConnection(resumption === undefined ? init : { ...init, resumption });
  if (resumption !== undefined) {
    owner.restorer = new LinkRestorer(connection, dialer, scheduler, typeof resume === "object" ? resume : {});
  }
  owner.hooks = hooksOf(connection);
  const ended = connection.closed.then(({ code, reason, initiator }) => {
    throw connection.endError ?? new ConnectionError(code, reason, initiator);
  });
  const accepted = new Promise<void>((resolve) => {
    owner.tellEstablished = resolve;
  });
  connection.start();
  // The flush that writes SETUP was deferred before this task.
  const written = new Promise<void>((resolve) => scheduler.defer(resolve));
  const starting = { connection, accepted: Promise.race([accepted, ended]), written: Promise.race([written, ended]) };
  // Only one of them is awaited; the other's rejection is no news.
  starting.accepted.catch(() => {});
  starting.written.catch(() => {});
  return starting;
}

/** Of its links a client's connection tells who restores them. */
class ClientOwner extends HookedOwner {
  restorer: LinkRestorer | undefined;
  tellEstablished: (() => void) | undefined;

  override onEstablished(): void {
    this.tellEstablished?.();
  }

  onDetached(reason: ConnectionError): void {
    this.restorer?.detached(reason);
  }

  onResumed(): void {
    this.restorer?.resumed();
  }

  onClosed(reason: CloseReason): void {
    this.restorer?.stop();
    this.hooks?.onClosed?.(reason);
  }
}

function resumptionOf(resume: true | ResumeOptions, { limits }: ConnectionSettings): ResumptionInit {
  const token = (resume === true ? undefined : resume.token) ?? randomToken();
  return { token, ledger: new ResumeLedger(limits.maxAllSessionsBytes) };
}

/** The time and the caller's signal of one attempt to connect. */
class Attempt {
  readonly #controller = new AbortController();
  readonly #caller: AbortSignal | undefined;
  readonly #timer: Timer;
  readonly #onAbort = (): void => this.#controller.abort(this.#caller?.reason);

  constructor(scheduler: Scheduler, timeoutMs: number, caller: AbortSignal | undefined) {
    this.#caller = caller;
    this.#timer = scheduler.setTimer(timeoutMs, () => {
      const message = `not connected after ${timeoutMs} ms`;
      this.#controller.abort(new ConnectionError(ErrorCode.CONNECTION_ERROR, message, "local"));
    });
    if (caller?.aborted === true) this.#onAbort();
    else caller?.addEventListener("abort", this.#onAbort);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** `promise`, or the reason to give up; a result that comes too late goes to `discard`. */
  race<T>(promise: Promise<T>, discard: (late: T) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        reject(this.signal.reason);
        promise.then(discard, () => {});
      };
      if (this.signal.aborted) return giveUp();
      this.signal.addEventListener("abort", giveUp, { once: true });
      promise.then(resolve, reject).finally(() => this.signal.removeEventListener("abort", giveUp));
    });
  }

  end(): void {
    this.#timer.cancel();
    this.#caller?.removeEventListener("abort", this.#onAbort);
  }
}

// Whatever came in between (a refused dial, an abort's reason), the caller gets one kind of error.
function toConnectError(error: unknown): ConnectionError {
  if (error instanceof ConnectionError) return error;
  return new ConnectionError(ErrorCode.CONNECTION_ERROR, messageOf(error), "local", { cause: error });
}
