/** The quick ones of the hostile cases; all of them run with `npm run test:hostile`. */
import { TOPICS, casesOf } from "./hostile/case";
import { runCase } from "./hostile/runner";

describe.each(TOPICS)("%s", (topic) => {
  const quick = Object.entries(casesOf(topic)).filter(([, hostile]) => hostile.quick === true);
  test.each(quick)("%s", async (name, hostile) => {
    expect(await runCase(topic, name, hostile)).toMatchObject({ problem: undefined });
  });
});
