// SPDX-License-Identifier: Apache-2.0
// Opens a connection: dial, SETUP, and the proof that it was accepted (RSocket 1.0 §Connection Establishment).

import { checkOptions, type Kinds } from "../bytes/options.js";
import type { Dialer, FrameLink } from "../engine/link.js";
import { sharedPool } from "../engine/pool.js";
import { type Scheduler, systemScheduler } from "../engine/scheduler.js";
import { ErrorCode } from "../frames/errors.js";
import type { ResumptionInit, SetupPayload } from "../session/connection.js";
import { ConnectionError } from "../session/errors.js";
import { ResumeLedger } from "../session/resume-store.js";
import { checkTimeout } from "../session/setting-rules.js";
import {
  type ConnectionSettings,
  type ConnectionSettingsInit,
  resolveSettings,
  SETTINGS,
} from "../session/settings.js";
import { Attempt } from "./attempt.js";
import { type CloseReason, type ConnectionHooks, RSocketConnection } from "./connection.js";
import { HookedOwner } from "./hooked-owner.js";
import type { ClientLeaseOptions } from "./lease.js";
import { clientLeases, type LeaseSetup } from "./lease-grants.js";
import { extensionHandlerOf, handlerOf, pushHandlerOf, type Responder } from "./responder.js";
import { LinkRestorer, type ResumeOptions, randomToken, resolveResume } from "./restore-link.js";
import { isThenable, messageOf } from "./thrown.js";

/** Options of `connectRSocket`. */
export interface ConnectRSocketOptions {
  /** Where to. */
  readonly dialer: Dialer;
  /** SETUP, or what gives it, asked once; the mime types are `application/octet-stream` unless given. */
  readonly setup?: Partial<SetupPayload> | (() => Partial<SetupPayload> | Promise<Partial<SetupPayload>>);
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

const EMPTY = /*@__PURE__*/ new Uint8Array(0);
const CONNECT_TIMEOUT_MS = 10_000;

const KNOWN: Kinds = {
  dialer: "object",
  setup: "object|function",
  responder: "object",
  settings: "object",
  lease: "boolean|object",
  signal: "object",
  timeoutMs: "number",
  confirm: "boolean",
  resume: "boolean|object",
  scheduler: "object",
};

/**
 * Connects. Resolves when the peer has accepted the SETUP: nothing acknowledges it, but the answer to a KEEPALIVE, or
 * any other frame than ERROR on stream 0, proves it.
 * @throws ConnectionError with the peer's code when it refused; when it can't be reached; when time is up; on abort.
 */
export async function connectRSocket(options: ConnectRSocketOptions): Promise<RSocketConnection> {
  checkOptions(options, KNOWN);
  if (options.settings !== undefined) checkOptions(options.settings, SETTINGS, "settings.");
  const { responder = {} } = options;
  return await openConnection(options, resolveSettings(options.settings), () => ({
    onRequest: handlerOf(responder),
    onMetadataPush: pushHandlerOf(responder),
    onExtension: extensionHandlerOf(responder),
  }));
}

type Connecting = Omit<ConnectRSocketOptions, "settings">;
/** What is left out may as well be undefined. */
type OpenOptions = { readonly [K in keyof Connecting]: Connecting[K] | undefined } & Pick<Connecting, "dialer">;

/** @internal What is asked of the server for leases. @throws RangeError for a wrong option. */
export function checkConnecting({
  timeoutMs = CONNECT_TIMEOUT_MS,
  resume,
  lease,
}: Pick<OpenOptions, "timeoutMs" | "resume" | "lease">): LeaseSetup | undefined {
  checkTimeout(timeoutMs);
  if (typeof resume === "object") resolveResume(resume);
  return clientLeases(lease);
}

/**
 * @internal `connectRSocket` with hooks that are made when the connection is there, before anything is sent.
 * @throws RangeError for a wrong option, at once.
 */
export function openConnection(
  options: OpenOptions,
  settings: ConnectionSettings,
  hooksOf: (connection: RSocketConnection) => ConnectionHooks,
): Promise<RSocketConnection> {
  const { timeoutMs = CONNECT_TIMEOUT_MS, scheduler = systemScheduler, signal } = options;
  const lease = checkConnecting(options);
  const attempt = new Attempt(scheduler, timeoutMs, signal);
  return attempt.race(establish(attempt, settings, options, lease, hooksOf)).catch((error: unknown) => {
    attempt.discard();
    // A wrong option is the caller's mistake, no failed attempt.
    throw error instanceof RangeError ? error : toConnectError(error);
  });
}

// Goes on behind the caller's back when he has given up, until the step that was waited for is done.
async function establish(
  attempt: Attempt,
  settings: ConnectionSettings,
  options: OpenOptions,
  lease: LeaseSetup | undefined,
  hooksOf: (connection: RSocketConnection) => ConnectionHooks,
): Promise<RSocketConnection> {
  const { dialer, resume } = options;
  const { scheduler } = attempt;
  const made = typeof options.setup === "function" ? setupBy(options.setup) : options.setup;
  const setup = made instanceof Promise ? await made : made;
  const link = attempt.dialed(await attempt.dial(dialer));
  const owner = new ClientOwner();
  const connection = createConnection({ link, dialer, settings, scheduler, setup, hooksOf, resume, lease, owner });
  attempt.connection = connection;
  const opened = owner.opened(connection);
  connection.start();
  // The flush that writes SETUP was deferred before this task.
  if (options.confirm === false) scheduler.defer(() => owner.onEstablished());
  await opened;
  return connection;
}

// Whatever `make` fails with isn't about our options. Mostly it takes no time, nor a promise.
function setupBy<T>(make: () => T | Promise<T>): T | Promise<T> {
  try {
    const made = make();
    return isThenable(made) ? Promise.resolve(made).catch(failSetup) : made;
  } catch (error) {
    return failSetup(error);
  }
}

function failSetup(error: unknown): never {
  throw toConnectError(error);
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
  readonly owner: ClientOwner;
}

function createConnection({
  link,
  dialer,
  settings,
  scheduler,
  setup: given,
  resume,
  lease,
  hooksOf,
  owner,
}: StartInit): RSocketConnection {
  const setup: SetupPayload = {
    metadataMimeType: given?.metadataMimeType ?? "application/octet-stream",
    dataMimeType: given?.dataMimeType ?? "application/octet-stream",
    metadata: given?.metadata,
    data: given?.data ?? EMPTY,
  };
  const resumption = resume === undefined || resume === false ? undefined : resumptionOf(resume, settings);
  const pool = sharedPool;
  const connection = new RSocketConnection({ link, settings, scheduler, pool, owner, setup, lease, resumption });
  if (resumption !== undefined) {
    owner.restorer = new LinkRestorer(connection, dialer, scheduler, typeof resume === "object" ? resume : {});
  }
  owner.hooks = hooksOf(connection);
  return connection;
}

/** Of its links a client's connection tells who restores them. */
class ClientOwner extends HookedOwner {
  restorer: LinkRestorer | undefined;
  // Until it is known whether the connection came to be.
  #opening: { readonly succeed: () => void; readonly fail: (reason: CloseReason) => void } | undefined;

  /** Resolves with `onEstablished`; rejects when `connection` ends before. */
  opened(connection: RSocketConnection): Promise<void> {
    return new Promise((succeed, reject) => {
      const fail = ({ code, reason, initiator }: CloseReason): void =>
        reject(connection.endError ?? new ConnectionError(code, reason, initiator));
      this.#opening = { succeed, fail };
    });
  }

  override onEstablished(): void {
    this.#opening?.succeed();
    this.#opening = undefined;
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
    this.#opening?.fail(reason);
    this.#opening = undefined;
  }
}

function resumptionOf(resume: true | ResumeOptions, { limits }: ConnectionSettings): ResumptionInit {
  const token = (resume === true ? undefined : resume.token) ?? randomToken();
  return { token, ledger: new ResumeLedger(limits.maxAllSessionsBytes) };
}

// Whatever came in between (a refused dial, an abort's reason), the caller gets one kind of error.
function toConnectError(error: unknown): ConnectionError {
  if (error instanceof ConnectionError) return error;
  return new ConnectionError(ErrorCode.CONNECTION_ERROR, messageOf(error), "local", { cause: error });
}
