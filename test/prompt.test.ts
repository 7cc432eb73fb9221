import { chunkPrompt } from "../lib/prompt/chunk";
import { encodePrompts } from "../lib/prompt/encode";
import { parseWeightedPrompt, plainPrompt } from "../lib/prompt/parse";
import type { PromptTokenizer } from "../lib/tokenizer";

/** [text, weight] pairs, "BREAK" for a break */
const parse = (prompt: string): unknown[] =>
  parseWeightedPrompt(prompt).map((part) =>
    "break" in part ? "BREAK" : [part.text, Math.round(part.weight * 1e6) / 1e6],
  );

describe("weights", () => {
  // Expected by the rules of the syntax: ( ) x1.1, [ ] /1.1, (…:w) xw, \ escapes.
  test.each<[string, unknown[]]>([
    ["", [["", 1]]],
    ["plain text", [["plain text", 1]]],
    [
      "an (important) word",
      [
        ["an ", 1],
        ["important", 1.1],
        [" word", 1],
      ],
    ],
    [
      "((very)) (much:1.5)",
      [
        ["very", 1.21],
        [" ", 1],
        ["much", 1.5],
      ],
    ],
    [
      "a [little]",
      [
        ["a ", 1],
        ["little", 0.909091],
      ],
    ],
    ["[[less]]", [["less", 0.826446]]],
    [
      "(a (b:2) c)",
      [
        ["a ", 1.1],
        ["b", 2.2],
        [" c", 1.1],
      ],
    ],
    [
      "(a [b] c:1.3)",
      [
        ["a ", 1.3],
        ["b", 1.181818],
        [" c", 1.3],
      ],
    ],
    ["([neutral])", [["neutral", 1]]],
    ["\\(literal\\) \\[too\\] \\\\", [["(literal) [too] \\", 1]]],
    ["back\\slash", [["back\\slash", 1]]],
    ["(unclosed", [["unclosed", 1.1]]],
    ["((twice unclosed", [["twice unclosed", 1.21]]],
    ["[unclosed", [["unclosed", 0.909091]]],
    ["unopened)", [["unopened)", 1]]],
    ["unopened]:1.3)", [["unopened]:1.3)", 1]]],
    ["(", [["", 1]]],
    ["()", [["", 1]]],
    ["(a:)", [["a:", 1.1]]],
    ["(a:b)", [["a:b", 1.1]]],
    ["(a:1.2.3)", [["a:1.2.3", 1.1]]],
    ["(a : 1.2 )", [["a ", 1.2]]],
    ["(a:-1)", [["a", -1]]],
    ["(a:.5)", [["a", 0.5]]],
    ["time 10:30", [["time 10:30", 1]]],
    [
      "(crossed [brackets) here]",
      [
        ["crossed ", 1.1],
        ["brackets", 1],
        [" here", 0.909091],
      ],
    ],
    ["(same)(weight)", [["sameweight", 1.1]]],
    ["one BREAK two", [["one", 1], "BREAK", ["two", 1]]],
    ["(one BREAK two:1.5)", [["one", 1.5], "BREAK", ["two", 1.5]]],
    ["BREAKFAST and break", [["BREAKFAST and break", 1]]],
  ])("%s", (prompt, expected) => expect(parse(prompt)).toEqual(expected));

  test("any string of brackets parses", () => {
    const alphabet = ["(", ")", "[", "]", ":1.2)", ":", "\\", "a", " BREAK ", "(b:"];
    let state = 1;
    for (let round = 0; round < 2000; round++) {
      let prompt = "";
      for (let i = 0; i < 12; i++) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        prompt += alphabet[state % alphabet.length] ?? "";
      }
      const parts = parseWeightedPrompt(prompt);
      expect(parts.length).toBeGreaterThan(0);
      for (const part of parts) if ("text" in part) expect(Number.isFinite(part.weight)).toBe(true);
    }
  });

  // What is not markup stays, in its order, whatever the brackets around it do.
  test("no letter is lost", () => {
    const alphabet = ["(", ")", "[", "]", ":1.2)", ":", "\\(", "  ", "x", "é", "BREAK", "BREAKS", ":.5 )", "\n"];
    let state = 7;
    for (let round = 0; round < 2000; round++) {
      const pieces: string[] = [];
      for (let i = 0; i < 14; i++) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        pieces.push(alphabet[(state >>> 16) % alphabet.length] ?? "");
      }
      const letters = (text: string): string => text.replace(/[^xé]/g, "");
      const parts = parseWeightedPrompt(pieces.join(""));
      expect(letters(parts.map((part) => ("text" in part ? part.text : "")).join(""))).toBe(letters(pieces.join("")));
    }
  });

  test("brackets in any number", () => {
    // 64 within each other count.
    expect(parseWeightedPrompt(`${"(".repeat(8000)}a${")".repeat(8000)} b`)).toEqual([
      { text: "a", weight: expect.closeTo(1.1 ** 64, 6) },
      { text: " b", weight: 1 },
    ]);
    expect(parseWeightedPrompt(`(a:${"9".repeat(1000)})`)).toEqual([{ text: "a", weight: 1e6 }]);
  });

  test("plain prompts keep their brackets", () =>
    expect(plainPrompt("(a:1.3) BREAK [b]")).toEqual([{ text: "(a:1.3) BREAK [b]", weight: 1 }]));
});

/** One token per word: w<n> is n, a comma is 1000. */
const words: PromptTokenizer = {
  startId: 2000,
  endId: 2001,
  padId: 0,
  commaId: 1000,
  encode: (text) => [...text.matchAll(/w(\d+)|,/g)].map(([token, n]) => (token === "," ? 1000 : Number(n))),
  spanOf: () => 1,
  textsOf: () => new Map(),
};
const list = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, i) => `w${from + i}`).join(" ");
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const cut = (prompt: string, size = 75): number[][] =>
  chunkPrompt(parseWeightedPrompt(prompt), words, size).map(({ ids }) => ids);

describe("chunks", () => {
  test("an empty prompt is one empty chunk", () => expect(cut("")).toEqual([[]]));
  test("a full chunk stays one", () => expect(cut(list(1, 75))).toEqual([range(1, 75)]));
  test("the rest moves on", () => expect(cut(list(1, 80))).toEqual([range(1, 75), range(76, 80)]));
  test("three chunks", () => expect(cut(list(1, 160)).map((ids) => ids.length)).toEqual([75, 75, 10]));
  test("cut after a comma near the end", () => {
    expect(cut(`${list(1, 60)}, ${list(61, 80)}`)).toEqual([[...range(1, 60), 1000], range(61, 80)]);
  });
  test("a comma 20 tokens before the end is near, 21 is not", () => {
    expect(cut(`${list(1, 55)}, ${list(56, 80)}`)[0]).toHaveLength(56);
    expect(cut(`${list(1, 54)}, ${list(55, 80)}`)[0]).toHaveLength(75);
  });
  test("a comma that would be the 76th token starts the next chunk", () => {
    expect(cut(`${list(1, 75)}, w76`)).toEqual([range(1, 75), [1000, 76]]);
  });
  test("BREAK ends a chunk", () => expect(cut("w1 BREAK w2 w3")).toEqual([[1], [2, 3]]));
  test("no token is lost or reordered", () => {
    const prompt = `${list(1, 40)}, (${list(41, 100)}, ${list(101, 130)}:1.2), ${list(131, 300)}`;
    expect(
      cut(prompt)
        .flat()
        .filter((id) => id !== 1000),
    ).toEqual(range(1, 300));
  });
  test("weights follow their tokens over a cut", () => {
    const chunks = chunkPrompt(parseWeightedPrompt(`${list(1, 60)}, (${list(61, 80)}:1.5)`), words, 75);
    expect(chunks[1]?.ids).toEqual(range(61, 80));
    expect(chunks[1]?.weights).toEqual(Array(20).fill(1.5));
    expect(chunks[0]?.weights).toEqual(Array(61).fill(1));
  });
});

describe("4096 tokens per prompt", () => {
  const encoders = [{ tokenizer: words, contextLength: 77 }];
  const chunks = (text: string): number =>
    (encodePrompts(text, "", "weighted", encoders).prompt[0]?.ids.length ?? 0) / 77;
  const refused = (prompt: string, negative = ""): unknown => {
    try {
      return encodePrompts(prompt, negative, "weighted", encoders);
    } catch (error) {
      return error;
    }
  };

  test("as many are encoded, one more is refused", () => {
    expect(chunks("w1 ".repeat(4096))).toBe(Math.ceil(4096 / 75));
    expect(refused("w1 ".repeat(4097))).toMatchObject({
      code: "ERR_IPA_INVALID_OPTION",
      option: "prompt",
      message: expect.stringContaining("4096 tokens"),
    });
  });
  test("of the negative prompt, by its name", () =>
    expect(refused("w1", "w1 ".repeat(4097))).toMatchObject({ option: "negativePrompt" }));
  test("commas that cut chunks short cost nothing", () => expect(chunks("w1, ".repeat(2048))).toBeGreaterThan(54));
  test("BREAK counts as the rest of its chunk", () => {
    expect(chunks("BREAK ".repeat(54))).toBe(54);
    expect(refused("BREAK ".repeat(55))).toMatchObject({ option: "prompt" });
  });
  test("a tokenizer is not asked for more than may be", () => {
    const asked: (number | undefined)[] = [];
    const tokenizer: PromptTokenizer = {
      ...words,
      encode: (_text, most) => (asked.push(most), Array<number>(3000).fill(1)),
    };
    expect(() =>
      chunkPrompt(
        [
          { text: "a", weight: 1 },
          { text: "b", weight: 2 },
        ],
        tokenizer,
        75,
      ),
    ).toThrow("4096 tokens");
    expect(asked).toEqual([4096, 1096]);
  });
});

describe("encoding", () => {
  const encoders = [
    { tokenizer: words, contextLength: 10 },
    { tokenizer: { ...words, padId: 7 }, contextLength: 10 },
  ];
  test("start, end, padding and weights", () => {
    const { prompt } = encodePrompts("w1 (w2:1.5)", "", "weighted", encoders);
    expect([...(prompt[0]?.ids ?? [])]).toEqual([2000, 1, 2, 2001, 0, 0, 0, 0, 0, 0]);
    expect([...(prompt[1]?.ids ?? [])]).toEqual([2000, 1, 2, 2001, 7, 7, 7, 7, 7, 7]);
    expect([...(prompt[0]?.weights ?? [])]).toEqual([1, 1, 1.5, 1, 1, 1, 1, 1, 1, 1]);
  });
  test("prompt and negative prompt have equally many chunks", () => {
    const { prompt, negative } = encodePrompts("w1", list(1, 20), "weighted", encoders);
    for (const text of [...prompt, ...negative]) expect([text.ids.length, text.weights.length]).toEqual([30, 30]);
    expect([...(prompt[0]?.ids.subarray(10, 13) ?? [])]).toEqual([2000, 2001, 0]);
  });
  test("plain syntax reads brackets as text", () => {
    const { prompt } = encodePrompts("(w1:1.5) BREAK w2", "", "plain", encoders);
    expect([...(prompt[0]?.ids.subarray(0, 4) ?? [])]).toEqual([2000, 1, 2, 2001]);
    expect(new Set(prompt[0]?.weights)).toEqual(new Set([1]));
  });
});
