// Fills the tables of packages in THIRD_PARTY.md, between <!-- NAME --> and <!-- /NAME -->, from package-lock.json and node_modules:
// `npm run docs:third-party`. `-- --check` changes nothing and fails when a table is not what it should be; `-- --json` prints the packages.
import fs from "node:fs";
import path from "node:path";
import { forServer, installed } from "./dependencies.mjs";

const FILE = new URL("../../THIRD_PARTY.md", import.meta.url);

/** Of packages whose files name no holder, or that are not installed on every system. */
const HOLDERS = [
  [/^@img\/sharp-libvips-/, "John Cupitt and others (libvips), and those of its parts"],
  [/^@img\/sharp-/, "Lovell Fuller and others"],
  [/^@emnapi\//, "Toyobayashi"],
  [/^tslib$/, "Microsoft Corporation"],
  [/^gearhash-jit$/, "its authors (the package names none)"],
];

const STATEMENT = /^.*?\bCopyright\b(?! (?:holder|notice (?:and|shall)|and|or)).*$/gim;

/** A licence that speaks of copyright and names nobody. */
const APACHE = "TERMS AND CONDITIONS FOR USE, REPRODUCTION";

/** Who holds the copyright, as the package's own files say it. */
function holderOf({ name, folder }) {
  const known = HOLDERS.find(([pattern]) => pattern.test(name));
  if (known !== undefined) return known[1];
  const files = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
  const texts = [/^licen[cs]e/i, /^readme/i].flatMap((pattern) => files.filter((file) => pattern.test(file)));
  for (const file of texts) {
    const text = fs.readFileSync(path.join(folder, file), "utf8");
    if (text.includes(APACHE)) continue;
    const statements = text.match(STATEMENT) ?? [];
    const holders = statements.map(plainHolder).filter((holder) => holder !== "");
    if (holders.length > 0) return [...new Set(holders)].join(", ");
  }
  const author = authorOf(folder);
  if (author !== "") return author;
  throw new Error(`${name}: no file of it says who holds the copyright; add that to tools/docs/third-party.mjs`);
}

function authorOf(folder) {
  const file = path.join(folder, "package.json");
  const { author = "" } = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, "utf8")) : {};
  return plainHolder(typeof author === "string" ? author : author.name);
}

/** The name alone: neither years, addresses nor the marks around them. */
function plainHolder(statement) {
  if (/\[yyyy\]|COPYRIGHT HOLDERS/.test(statement)) return "";
  return statement
    .replace(/^.*?\bCopyright\b(?: Notice)?/i, "")
    .replace(/\((?:c|https?:[^)]*)\)|©|<[^>]*>|\]\([^)]*\)|[[\]"]|\([\w.]+\.com[^)]*\)| (?:until|listed) .*$/gi, " ")
    .replace(/\b\d{4}\b(?:\s*[-–,]\s*(?:\d{4}|present)\b)*/g, " ")
    .replace(/\s+/g, " ")
    .replace(/^[\s,.-]+|[\s,.]+$/g, "");
}

/** Packages of several systems that differ in nothing else share a row. */
function rowsOf(packages) {
  const rows = new Map();
  for (const one of packages) {
    const holder = holderOf(one);
    const key = one.platform
      ? [one.name.replace(/-(?:libvips)?.*$/, "$1"), one.version, one.licence, holder].join()
      : one.name;
    const row = rows.get(key) ?? { ...one, names: [], holder };
    if (!row.names.includes(one.name)) row.names.push(one.name);
    rows.set(key, row);
  }
  return [...rows.values()].map(
    ({ names, by, version, licence, holder }) =>
      `| ${names.map((name) => `\`${name}\``).join(", ")} | ${/^[\^~\d>]/.test(by) ? `this package, \`${by}\`` : `\`${by}\``} | ${version} | ${licence} | ${holder} |`,
  );
}

const tableOf = (packages) =>
  ["| package | asked for by | version | licence | copyright |", "|---|---|---|---|---|", ...rowsOf(packages)].join(
    "\n",
  );

const lists = { installed: installed(), server: forServer() };

if (process.argv.includes("--json")) console.log(JSON.stringify(lists));
else {
  const before = fs.readFileSync(FILE, "utf8");
  let after = before;
  for (const [name, packages] of Object.entries(lists)) {
    const place = new RegExp(`(<!-- ${name} -->\n)[^]*?(\n<!-- /${name} -->)`);
    if (!place.test(after)) throw new Error(`THIRD_PARTY.md has no place for the table ${name}`);
    after = after.replace(place, (_all, start, end) => `${start}${tableOf(packages)}${end}`);
  }
  if (after === before) console.log("THIRD_PARTY.md is up to date");
  else if (process.argv.includes("--check")) {
    console.error("THIRD_PARTY.md is not what package-lock.json says: npm run docs:third-party");
    process.exitCode = 1;
  } else {
    fs.writeFileSync(FILE, after);
    console.log("THIRD_PARTY.md is written anew");
  }
}
