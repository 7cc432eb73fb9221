/** npm run test:hostile [-- [--quick] [text…]]: all cases, or those whose topic or name has one of these texts in it. */
import { TOPICS, casesOf } from "./case";
import { runCase } from "./runner";

async function main(flags: readonly string[]): Promise<void> {
  const wanted = flags.filter((flag) => !flag.startsWith("--"));
  let [passed, failed] = [0, 0];
  for (const topic of TOPICS) {
    for (const [name, hostile] of Object.entries(casesOf(topic))) {
      const title = `${topic}: ${name}`;
      if (
        (flags.includes("--quick") && hostile.quick !== true) ||
        (wanted.length > 0 && !wanted.some((text) => title.includes(text)))
      )
        continue;
      const { problem, memory, seconds, blocked } = await runCase(topic, name, hostile);
      if (problem === undefined) passed++;
      else failed++;
      console.log(
        `${problem === undefined ? "ok    " : "FAILED"} ${title}  ${memory} MiB, ${seconds.toFixed(1)} s, loop blocked ${blocked} ms${problem === undefined ? "" : `\n       ${problem}`}`,
      );
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  if (failed > 0 || passed === 0) process.exitCode = 1;
}

void main(process.argv.slice(2));
