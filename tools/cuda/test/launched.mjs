// Which kernels ran, over all runs.
import { kernelInstances } from "./kernels.mjs";
import { table } from "../../report/markdown.mjs";

export class LaunchedKernels {
  #counts = new Map();

  /** @param {string} program @param {string} place as --report prints it @param {number} count */
  count(program, place, count) {
    const places = this.#counts.get(program) ?? new Map();
    places.set(place, (places.get(place) ?? 0) + count);
    this.#counts.set(program, places);
  }

  /** A row for each kernel, and those that never ran. */
  report() {
    const totals = new Map();
    for (const [program, places] of this.#counts)
      for (const { name, file, place } of kernelInstances(program)) {
        const label = `${file.replace(/\.cu$/, "")}: \`${name}\``;
        totals.set(label, (totals.get(label) ?? 0) + (places.get(place) ?? 0));
      }
    const rows = [...totals].sort(([a], [b]) => (a < b ? -1 : 1));
    const never = rows.filter(([, count]) => count === 0).map(([name]) => name);
    return { text: table(["kernel", "launches"], rows), never };
  }
}
