/** The quick ones of the hostile cases; all of them run with `npm run test:hostile`. */
import { TOPICS, casesOf } from "./hostile/case";
import { runCase } from "./hostile/runner";

const quick = TOPICS.flatMap((topic) =>
  Object.entries(casesOf(topic)).flatMap(([name, hostile]) =>
    hostile.quick === true ? [{ topic, name, hostile }] : [],
  ),
);

test.each(quick)("$topic: $name", async ({ topic, name, hostile }) => {
  expect(await runCase(topic, name, hostile)).toMatchObject({ problem: undefined });
});
