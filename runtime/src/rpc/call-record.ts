// SPDX-License-Identifier: Apache-2.0
// What calls of both sides have in common: their facts for interceptors, a lazy signal, an end that is told once.

import type { Scheduler } from "../engine/scheduler.js";
import type { Metadata } from "../metadata/headers.js";
import type { CallEnd, CallMethod, FailedAttempt, InterceptedCall } from "./call.js";
import type { CallContext } from "./call-context.js";
import { Code } from "./code.js";
import { ContextValues } from "./context-values.js";
import type { Deadline } from "./deadline.js";
import { guard } from "./describe.js";
import type { RpcError } from "./error.js";
import type { AnyMethod } from "./method.js";
import type { Observer } from "./observer.js";

const descriptions = new WeakMap<AnyMethod, CallMethod>();

/** What interceptors and observers are told of `method`. */
export function describeMethod(method: AnyMethod): CallMethod {
  let found = descriptions.get(method);
  if (found === undefined) {
    const { service, name, kind, interaction, idempotency } = method;
    found = { service, name, kind: interaction === "fire_and_forget" ? "fire_and_forget" : kind, idempotency };
    descriptions.set(method, found);
  }
  return found;
}

/** The shared part of a call. Nothing is made before somebody asks for it. */
export abstract class CallRecord implements InterceptedCall {
  abstract readonly side: "client" | "server";
  abstract readonly context: CallContext | undefined;
  abstract readonly headers: Metadata;
  abstract proceed(): void;
  /** Messages sent by this side. */
  sentCount = 0;
  /** Messages received by this side. */
  receivedCount = 0;
  /** 1 unless the caller's side makes it again. */
  attempt = 1;
  protected deadline: Deadline | undefined;
  /** The method, with its codecs. */
  readonly definition: AnyMethod;
  protected readonly scheduler: Scheduler;
  protected readonly observer: Observer;
  #values: ContextValues | undefined;
  readonly #parentValues: ContextValues | undefined;
  #controller: AbortController | undefined;
  #abortReason: RpcError | undefined;
  // Nearly always one.
  #listener: ((end: CallEnd) => void) | undefined;
  #moreListeners: ((end: CallEnd) => void)[] | undefined;
  // Below 0 when no interceptor can ask for the end: looking at the clock costs more than all else of it.
  #beganAtMs = -1;
  #end: CallEnd | undefined;

  constructor(definition: AnyMethod, scheduler: Scheduler, observer: Observer, values: ContextValues | undefined) {
    this.definition = definition;
    this.scheduler = scheduler;
    this.observer = observer;
    this.#parentValues = values;
  }

  get method(): CallMethod {
    return describeMethod(this.definition);
  }

  get values(): ContextValues {
    this.#values ??= new ContextValues(this.#parentValues);
    return this.#values;
  }

  get timeoutMs(): number | undefined {
    return this.deadline === undefined ? undefined : Math.max(0, this.deadline.dueMs - this.scheduler.now());
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason);
    }
    return this.#controller.signal;
  }

  onEnd(listener: (end: CallEnd) => void): void {
    if (this.#end !== undefined) return this.#tell(listener, this.#end);
    if (this.#listener === undefined) {
      this.#listener = listener;
      return;
    }
    this.#moreListeners ??= [];
    this.#moreListeners.push(listener);
  }

  /** Only who makes a call can make it again. */
  retryWhen(_decide: (failed: FailedAttempt) => number | undefined): void {}

  /** When the call began, once `markBegin` was called. */
  protected get beganAtMs(): number {
    return this.#beganAtMs;
  }

  /** The call passes through interceptors: somebody may ask for its end, and its duration. */
  protected markBegin(nowMs: number): void {
    this.#beganAtMs = nowMs;
  }

  /** It passed through interceptors. */
  protected get isWatched(): boolean {
    return this.#beganAtMs >= 0;
  }

  /** The call ended early: whoever listens to its signal stops. */
  protected abortSignal(reason: RpcError): void {
    if (this.#abortReason !== undefined) return;
    this.#abortReason = reason;
    this.#controller?.abort(reason);
  }

  /** The signal was aborted, or would have been. */
  protected get abortReason(): RpcError | undefined {
    return this.#abortReason;
  }

  /**
   * Tells the end to those who asked; later ones hear it at once. Only the first call counts. `nowMs`: when it ended, to
   * spare a look at the clock.
   */
  protected tellEnd(error: RpcError | undefined, nowMs?: number): void {
    if (!this.isWatched || this.#end !== undefined) return;
    const listener = this.#listener;
    const more = this.#moreListeners;
    this.#listener = this.#moreListeners = undefined;
    this.#end = {
      code: error === undefined ? 0 : error.code,
      error,
      durationMs: (nowMs ?? this.scheduler.now()) - this.#beganAtMs,
      sentCount: this.sentCount,
      receivedCount: this.receivedCount,
    };
    if (listener !== undefined) this.#tell(listener, this.#end);
    if (more !== undefined) for (const each of more) this.#tell(each, this.#end);
  }

  #tell(listener: (end: CallEnd) => void, end: CallEnd): void {
    guard(
      () => listener(end),
      (error) => this.#report(error),
    );
  }

  #report(error: unknown): void {
    this.observer.onCleanupError?.(error, this.method);
  }
}

/** The code of what was thrown to abort a call: a timeout is a deadline, all else is a cancellation. */
export function codeOfAbort(reason: unknown): Code {
  try {
    const name = typeof reason === "object" && reason !== null && "name" in reason ? reason.name : "";
    return name === "TimeoutError" ? Code.DeadlineExceeded : Code.Cancelled;
  } catch {
    return Code.Cancelled; // it may be anything, such as an object that throws when it is looked at
  }
}
