/** One process of a pool, from its start to its end. */
import type { ChildProcess } from "node:child_process";
import type { Socket } from "node:net";

import { type ChildDeath, messageOf } from "../errors";
import type { FromChild, ToChild } from "./messages";

/** What a child wrote last is kept for its death. */
const MOST_OUTPUT = 2000;
/** Milliseconds for what a process sent before it ended. */
const LAST_MESSAGES = 1000;

export interface ChildListener {
  message: (message: FromChild) => void;
  /** once; nothing that comes later counts */
  died: (death: ChildDeath) => void;
  /** a message that came after died() */
  late: (message: FromChild) => void;
}

export class EngineProcess {
  readonly #process: ChildProcess;
  readonly #listener: ChildListener;
  readonly #exited: Promise<void>;
  #output = "";
  #dead = false;
  #connected = true;
  #end: string | undefined;
  /** when a question was asked that has no answer yet */
  #asked: number | undefined;
  readonly #answered = new Set<() => void>();

  constructor(child: ChildProcess, listener: ChildListener) {
    this.#process = child;
    this.#listener = listener;
    // What waits for a call keeps the program running, see KeepAlive; an idle child does not.
    child.unref();
    child.channel?.unref();
    const output = child.stderr as Socket | null;
    output?.unref();
    output
      ?.setEncoding("utf8")
      .on("data", (text: string) => (this.#output = (this.#output + text).slice(-MOST_OUTPUT)));
    child.on("message", (message) => this.#receive(message as FromChild));
    child.on("disconnect", () => {
      this.#connected = false;
      if (this.#end !== undefined) this.#die(this.#end);
    });
    this.#exited = new Promise((resolve) => {
      child.on("exit", (code, signal) => {
        this.#exit(signal === null ? `it ended with code ${code}` : `it was ended by ${signal}`);
        resolve();
      });
      child.on("error", (error) => {
        // It was never started, or could not be sent to.
        if (child.pid !== undefined) return;
        this.#die(`it was not started: ${messageOf(error)}`);
        resolve();
      });
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** settles when the process is gone */
  get exited(): Promise<void> {
    return this.#exited;
  }

  send(message: ToChild): void {
    // What cannot be sent any more is run again when the child's end is known.
    if (this.#process.connected) this.#process.send(message, () => undefined);
  }

  /** Asks for a sign of life, unless a question is open. */
  ask(): void {
    if (this.#asked !== undefined) return;
    this.#asked = performance.now();
    this.send({ type: "ping" });
  }

  /** Whether it gives a sign of life within so many milliseconds. */
  answers(within: number): Promise<boolean> {
    this.ask();
    return new Promise((resolve) => {
      const answered = (): void => {
        clearTimeout(late);
        resolve(true);
      };
      const late = setTimeout(() => {
        this.#answered.delete(answered);
        resolve(false);
      }, within);
      this.#answered.add(answered);
    });
  }

  /** Milliseconds for which a question has been open. */
  get silence(): number {
    return this.#asked === undefined ? 0 : performance.now() - this.#asked;
  }

  /** This process itself was held up, so the answer may be there unread. */
  forgive(): void {
    if (this.#asked !== undefined) this.#asked = performance.now();
  }

  /** Ends the process; it counts as dead from now on. */
  kill(reason: string): void {
    this.#process.kill("SIGKILL");
    this.#die(reason);
  }

  #receive(message: FromChild): void {
    if (this.#dead) {
      this.#listener.late(message);
      return;
    }
    if (message.type === "pong") this.#answer();
    this.#listener.message(message);
  }

  #answer(): void {
    this.#asked = undefined;
    for (const answered of this.#answered) answered();
    this.#answered.clear();
  }

  /** What it sent before it ended is read first. */
  #exit(end: string): void {
    this.#end = end;
    if (!this.#connected) {
      this.#die(end);
      return;
    }
    setTimeout(() => this.#die(end), LAST_MESSAGES).unref();
  }

  #die(reason: string): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#listener.died({ pid: this.pid, at: Date.now(), reason, output: this.#output.trim() });
  }
}
