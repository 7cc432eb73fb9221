/** What the command line says: people get a bar on a terminal and plain lines in a pipe, machines get JSON lines. */
import { InstallError, IpAdapterError } from "../errors";

/** A stream to write on; process.stdout and process.stderr, or what a test gives. */
export interface Sink {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

/** What progress counts, in words. */
export interface Words {
  /** in front of a line */
  what: string;
  show: (amount: number) => string;
}

const STEPS: Words = { what: "step", show: String };

export interface Progress {
  update(step: number, total: number, note?: string): void;
  /** removes the bar, so that other lines can follow */
  end(): void;
}

/** A bar with the time left, redrawn in place. */
export class ProgressBar implements Progress {
  readonly #out: Sink;
  readonly #now: () => number;
  readonly #clock: EtaClock;
  readonly #words: Words;
  #drawn = false;

  constructor(out: Sink, now: () => number = Date.now, words = STEPS) {
    this.#out = out;
    this.#now = now;
    this.#words = words;
    this.#clock = new EtaClock(now());
  }

  update(step: number, total: number, note = ""): void {
    const left = this.#clock.left(step, total, this.#now());
    const { show } = this.#words;
    const text = ` ${show(step)}/${show(total)}${left === undefined ? "" : ` ${formatSeconds(left)} left`}${note === "" ? "" : ` ${note}`}`;
    const width = Math.max(0, Math.min(40, (this.#out.columns ?? 80) - text.length - 3));
    const full = Math.round((width * step) / Math.max(1, total));
    const bar = width < 4 ? "" : `[${"=".repeat(full)}${" ".repeat(width - full)}]`;
    this.#out.write(`\r${bar}${text}\u001b[K`);
    this.#drawn = true;
  }

  end(): void {
    if (this.#drawn) this.#out.write("\r\u001b[K");
    this.#drawn = false;
  }
}

/** One line for about every tenth of the way. */
export class ProgressLines implements Progress {
  readonly #out: Sink;
  readonly #now: () => number;
  readonly #clock: EtaClock;
  readonly #words: Words;
  #tenth = 0;

  constructor(out: Sink, now: () => number = Date.now, words = STEPS) {
    this.#out = out;
    this.#now = now;
    this.#words = words;
    this.#clock = new EtaClock(now());
  }

  update(step: number, total: number, note = ""): void {
    const left = this.#clock.left(step, total, this.#now());
    const tenth = Math.floor((10 * step) / Math.max(1, total));
    if (tenth === this.#tenth) return;
    this.#tenth = tenth;
    const { what, show } = this.#words;
    this.#out.write(
      `${what} ${show(step)}/${show(total)}${left === undefined ? "" : `, ${formatSeconds(left)} left`}${note === "" ? "" : `, ${note}`}\n`,
    );
  }

  end(): void {
    // Lines stay.
  }
}

/** A bar where people watch, lines elsewhere and beside JSON. */
export function progressFor(out: Sink, now: () => number, json: boolean, words = STEPS): Progress {
  return out.isTTY === true && !json ? new ProgressBar(out, now, words) : new ProgressLines(out, now, words);
}

/** Time left, from the steps since the first: that one carries encoders and planning. */
class EtaClock {
  #started: { step: number; at: number };

  constructor(now: number) {
    this.#started = { step: 0, at: now };
  }

  /** milliseconds, undefined while there is nothing to judge by */
  left(step: number, total: number, now: number): number | undefined {
    if (this.#started.step === 0) {
      this.#started = { step, at: now };
      return undefined;
    }
    const done = step - this.#started.step;
    return done <= 0 ? undefined : ((now - this.#started.at) / done) * (total - step);
  }
}

export function formatSeconds(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  const rest = String(seconds % 60).padStart(2, "0");
  if (minutes < 60) return `${minutes}m${rest}s`;
  return `${Math.floor(minutes / 60)}h${String(minutes % 60).padStart(2, "0")}m`;
}

export function formatBytes(bytes: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let unit = 0;
  while (bytes >= 1000 && unit < units.length - 1) {
    bytes /= 1000;
    unit++;
  }
  return `${unit === 0 ? bytes : bytes.toFixed(bytes < 10 ? 2 : 1)} ${units[unit] ?? ""}`;
}

/** Tensors by storage type, as `F16 686`. */
export function formatTypes(types: Readonly<Record<string, number>>): string {
  return Object.entries(types)
    .map(([type, count]) => `${type} ${count}`)
    .join(" ");
}

export function formatCount(count: number): string {
  if (count < 1e3) return `${count}`;
  if (count < 1e6) return `${(count / 1e3).toFixed(1)}K`;
  return count < 1e9 ? `${(count / 1e6).toFixed(1)}M` : `${(count / 1e9).toFixed(2)}B`;
}

/** An error with its code first: on one line, but for the list of steps of a package that does not load. */
export function errorText(error: unknown, message: string): string {
  return `error ${errorCode(error)}: ${error instanceof InstallError ? message : message.replace(/\s*\n\s*/g, " ")}`;
}

export function errorCode(error: unknown): string {
  if (error instanceof IpAdapterError) return error.code;
  const code = typeof error === "object" && error !== null ? (error as { code?: unknown }).code : undefined;
  return typeof code === "string" ? code : "ERR_IPA_INTERNAL";
}
