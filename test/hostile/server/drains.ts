/** Servers that get SIGTERM while jobs wait and run. */
import { randomBy } from "../../support/random-calls";
import { type Kind, Tally, kindOf, submit } from "./calls";
import { ServerProcess } from "./process";

const JOBS = 8;

export async function checkDrains(
  kinds: readonly Kind[],
  count: number,
  seed: number,
): Promise<Record<string, number>> {
  const random = randomBy(seed);
  const sums = { drains: 0, answered: 0, refused: 0, unanswered: 0, badExits: 0 };
  const tally = new Tally();
  for (; sums.drains < count; sums.drains++) {
    const server = await ServerProcess.start({ queue: { running: 3 }, warmUp: random() < 0.5 });
    const waiting = Array.from({ length: 2 }, () => answered(server.url));
    const followed = [];
    const stopAfter = Math.floor(random() * JOBS);
    for (let i = 0; i < JOBS; i++) {
      const { options, alone } = kindOf(kinds, random);
      if (i === stopAfter) server.terminate();
      const job = await submit(server.url, { options }).catch(() => undefined);
      if (job === undefined) continue;
      followed.push(tally.follow(server.url, job, alone));
    }
    await Promise.all(followed);
    const answers = (await Promise.all(waiting)).filter((status) => status === 200).length;
    sums.answered += answers;
    sums.refused += waiting.length - answers;
    if ((await server.exited) !== 0) sums.badExits++;
    // What the server did for nobody.
    sums.unanswered += server.ended - followed.length - answers;
  }
  return { ...sums, ...tally.sums };
}

/** The status of a call that waits for its picture; undefined where it was not let in. */
async function answered(url: string): Promise<number | undefined> {
  try {
    const response = await fetch(`${url}/v1/images/generations`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ prompt: "a dog", size: "64x64", num_inference_steps: 8 }),
    });
    await response.json();
    return response.status;
  } catch {
    return undefined;
  }
}
