import { OptionError, messageOf } from "../errors";
import type { AbortSignalLike } from "../abort-signal";
import { describe } from "./describe";
import { readGuarded } from "./read-property";

type Listener = () => void;

/**
 * What the engine sees of a caller's signal. It has one listener on the signal, however many calls and parts of calls wait for it, and
 * code of the signal that throws never throws from here in the middle of a call.
 */
class SignalRelay implements AbortSignalLike {
  readonly #signal: AbortSignalLike;
  readonly #listeners = new Set<Listener>();
  readonly #onAbort = (): void => {
    for (const listener of [...this.#listeners]) listener();
  };

  constructor(signal: AbortSignalLike) {
    this.#signal = signal;
  }

  get aborted(): boolean {
    return readGuarded(() => this.#signal.aborted, "signal");
  }

  /** A getter that throws gives a typed reason. */
  get reason(): unknown {
    try {
      return this.#signal.reason;
    } catch (error) {
      return new OptionError("signal", `it fired, and reading its reason threw an error (${messageOf(error)})`, {
        cause: error,
      });
    }
  }

  addEventListener(_type: "abort", listener: Listener): void {
    if (this.#listeners.size === 0) readGuarded(() => this.#signal.addEventListener("abort", this.#onAbort), "signal");
    this.#listeners.add(listener);
  }

  removeEventListener(_type: "abort", listener: Listener): void {
    if (!this.#listeners.delete(listener) || this.#listeners.size > 0) return;
    try {
      this.#signal.removeEventListener("abort", this.#onAbort);
    } catch {
      // readSignal() has seen it work once; a listener that stays calls nobody.
    }
  }
}

const relays = new WeakMap<object, SignalRelay>();

/** The caller's signal, of any realm, as the engine uses it: each member is tried here, so that one that throws is found before the work. */
export function readSignal(value: unknown, option: string): AbortSignalLike {
  const signal = value as AbortSignalLike;
  const isObject = typeof value === "object" && value !== null;
  const known = isObject ? relays.get(value) : undefined;
  if (known !== undefined) return known;
  const isSignal =
    isObject &&
    readGuarded(
      () =>
        typeof signal.aborted === "boolean" &&
        typeof signal.addEventListener === "function" &&
        typeof signal.removeEventListener === "function",
      option,
    );
  if (!isSignal) {
    const controller = isObject && readGuarded(() => "signal" in value, option);
    throw new OptionError(
      option,
      `expected an AbortSignal but received ${describe(value)}${controller ? ": pass controller.signal, not the controller" : ""}`,
    );
  }
  const nothing = (): void => undefined;
  readGuarded(() => {
    signal.addEventListener("abort", nothing);
    signal.removeEventListener("abort", nothing);
  }, option);
  const relay = new SignalRelay(signal);
  relays.set(value, relay);
  return relay;
}
