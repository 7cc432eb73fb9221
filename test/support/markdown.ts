/** The pages for users, and what tests ask of them: code samples, headings and links. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { ROOT } from "./load";

export interface Sample {
  /** such as `docs/load.md:12`, the line of the fence */
  place: string;
  language: string;
  /** what stands behind the language, such as `run` */
  words: string[];
  code: string;
}

const FENCE = /^```([^\n`]*)\n([\s\S]*?)^```$/gm;

/** README, every page under docs/ and the models' cards, by their paths in the repository. */
export const PAGES = [
  "README.md",
  "models/mini/README.md",
  "models/mini-custom/README.md",
  "models/mini-controls/README.md",
  ...readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name.replaceAll("\\", "/")}`),
];

export const read = (page: string): string => readFileSync(join(ROOT, page), "utf8").replaceAll("\r\n", "\n");

export function samplesOf(page: string): Sample[] {
  const text = read(page);
  return [...text.matchAll(FENCE)].map(({ index, 1: info = "", 2: code = "" }) => {
    const [language = "", ...words] = info.trim().split(/\s+/);
    return { place: `${page}:${text.slice(0, index).split("\n").length}`, language, words, code };
  });
}

/** The page without its fenced blocks. */
export const proseOf = (page: string): string => read(page).replace(FENCE, "");

/** The anchors of a page, as GitHub makes them of its headings. */
export function anchorsOf(page: string): Set<string> {
  const seen = new Map<string, number>();
  const anchors = new Set<string>();
  for (const [, heading = ""] of proseOf(page).matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const words = heading.replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
    const slug = words.replace(/[^\p{L}\p{N}\p{M}\s_-]/gu, "").replace(/\s/g, "-");
    const before = seen.get(slug) ?? 0;
    seen.set(slug, before + 1);
    anchors.add(before === 0 ? slug : `${slug}-${before}`);
  }
  return anchors;
}

/** Targets of links and pictures that lead to the repository's own files. */
export function relativeLinksOf(page: string): string[] {
  const prose = proseOf(page).replace(/`[^`\n]*`/g, "code");
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^[a-z]+:/.test(target));
}
