/** What a hostile case is. Each runs in a process of its own, which is ended when it passes a limit. */

/** What a case may take. The limits are generous: they tell a bound from none, not fast from slow. */
export interface Limits {
  /** peak of the process's resident memory, MiB; Node with the sources takes about 150; default 500 */
  memory?: number;
  /** of JavaScript, MiB; default 256 */
  heap?: number;
  /** until the process ends; default 60 */
  seconds?: number;
  /** longest time that the event loop may stand still, ms; default: not looked at */
  blocked?: number;
}

export interface HostileCase extends Limits {
  /** among the few that jest runs too; they take a second or two at most */
  quick?: boolean;
  /** makes what `run` needs, before the event loop is watched */
  prepare?: (scratch: string) => void;
  /** throws when the answer is wrong; `scratch` is an empty folder */
  run: (scratch: string) => Promise<void> | void;
}

/** The cases of one topic, by their names. */
export type HostileCases = Record<string, HostileCase>;

/** One file a topic in this folder, each with `export const cases`. */
export const TOPICS = ["addon", "fuzzers", "lora", "pictures", "prompts", "tokenizers", "values"] as const;

export function casesOf(topic: string): HostileCases {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  return (require(`./${topic}`) as { cases: HostileCases }).cases;
}

/** What the process says when its case is over. */
export interface Report {
  error?: string;
  /** longest time that the event loop stood still, ms */
  blocked: number;
}
