/** Engines are killed at random moments while jobs run. */
import { randomBy } from "../../support/random-calls";
import { type Kind, Tally, kindOf, submit } from "./calls";
import { ServerProcess } from "./process";

/** Jobs at a time, and the share of jobs that an engine is killed under. */
const [TOGETHER, KILLED] = [12, 0.1];

export async function checkKills(kinds: readonly Kind[], most: number, seed: number): Promise<Record<string, number>> {
  const random = randomBy(seed);
  const server = await ServerProcess.start({ queue: { running: 6, perKey: 1000 } });
  const sums = { kills: 0, refused: 0 };
  const tally = new Tally();
  const maybeKill = (): void => {
    if (sums.kills >= most || random() > KILLED) return;
    const { engines } = server;
    const pid = engines[Math.floor(random() * engines.length)];
    if (pid === undefined) return;
    process.kill(pid, "SIGKILL");
    sums.kills++;
  };
  const worker = async (): Promise<void> => {
    while (sums.kills < most) {
      const { options, alone } = kindOf(kinds, random);
      const job = await submit(server.url, { options });
      if (job === undefined) {
        sums.refused++;
        continue;
      }
      const followed = tally.follow(server.url, job, alone);
      maybeKill();
      await followed;
    }
  };
  await Promise.all(Array.from({ length: TOGETHER }, worker));
  await server.stop();
  return { ...sums, ...tally.sums };
}
