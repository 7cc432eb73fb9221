/** What Prometheus asks for. */
import type { ImageService } from "../service";
import type { EventLoopDelay } from "./event-loop";

/** Requests that were refused, by reason. */
export class Refusals {
  readonly #counts = new Map<string, number>();

  add(reason: string): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
  }

  [Symbol.iterator](): Iterator<[string, number]> {
    return this.#counts.entries();
  }
}

/** What is counted besides the jobs. */
export interface Meters {
  refusals: Refusals;
  eventLoop: EventLoopDelay;
}

type Sample = [labels: Record<string, string>, value: number];

/** In the text format of Prometheus 0.0.4. */
export function metricsText({ jobs, models, engines }: ImageService, { refusals, eventLoop }: Meters): string {
  const loaded = [...engines].filter(([name]) => name in models.loaded);
  const batches = loaded.flatMap(([model, { stats }]) =>
    Object.entries(sumOf(stats.map((one) => one.batches))).map(([size, runs]): Sample => [{ model, size }, runs]),
  );
  const pools = loaded.flatMap(([model, { processes }]) => (processes === undefined ? [] : [{ model, ...processes }]));
  const counts = engines.counts();
  return [
    metric("jobs_queued", "gauge", "jobs that wait", [[{}, jobs.queued]]),
    metric("jobs_running", "gauge", "jobs that run", [[{}, jobs.running]]),
    metric("jobs_ended_total", "counter", "jobs that ended, by how", labelled("state", Object.entries(jobs.ended))),
    metric("refusals_total", "counter", "requests that were refused, by why", labelled("reason", [...refusals])),
    metric("model_bytes", "gauge", "memory of loaded models", labelled("model", Object.entries(models.loaded))),
    metric(
      "step_seconds",
      "gauge",
      "seconds of a call's own share of a step, a mean of the last ones",
      loaded.flatMap(([model, { stats }]) => {
        const known = stats.flatMap(({ stepSeconds }) => stepSeconds ?? []);
        return known.length === 0 ? [] : [[{ model }, known.reduce((a, b) => a + b) / known.length] satisfies Sample];
      }),
    ),
    metric("batch_runs_total", "counter", "runs of networks, by the calls that ran as one", batches),
    metric(
      "processes_ready",
      "gauge",
      "processes of a model that take work",
      pools.map(({ model, ready }) => [{ model }, ready]),
    ),
    metric(
      "process_deaths_total",
      "counter",
      "processes of a model that died",
      counts.map(([model, { deaths }]) => [{ model }, deaths]),
    ),
    metric(
      "reruns_total",
      "counter",
      "calls that ran again because their process had died",
      counts.map(([model, { rerun }]) => [{ model }, rerun]),
    ),
    metric(
      "event_loop_delay_seconds",
      "gauge",
      "how late the event loop was since this was last read",
      eventLoop.read().map(({ quantile, seconds }) => [{ quantile }, seconds]),
    ),
    metric("resident_bytes", "gauge", "memory of the process", [[{}, process.memoryUsage.rss()]]),
  ].join("");
}

/** Values of equal names added up. */
function sumOf(records: readonly Record<string, number>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [name, value] of records.flatMap((record) => Object.entries(record)))
    sums[name] = (sums[name] ?? 0) + value;
  return sums;
}

const labelled = (label: string, values: [string, number][]): Sample[] =>
  values.map(([name, value]) => [{ [label]: name }, value]);

function metric(name: string, type: "gauge" | "counter", help: string, samples: readonly Sample[]): string {
  const full = `node_ip_adapter_${name}`;
  const lines = samples.map(([labels, value]) => {
    const inside = Object.entries(labels).map(([label, text]) => `${label}="${quoted(text)}"`);
    return `${full}${inside.length === 0 ? "" : `{${inside.join(",")}}`} ${value}\n`;
  });
  return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${lines.join("")}`;
}

const quoted = (text: string): string =>
  text.replace(/["\\\n]/g, (character) => (character === "\n" ? "\\n" : `\\${character}`));
