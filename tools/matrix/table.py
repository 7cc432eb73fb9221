"""The results as tables in docs/models.md, in place of what stands between two marks."""
import importlib.metadata
import json
import subprocess

import krita

LIMIT_LATENTS, LIMIT_PICTURE = 1e-3, 1
BEGIN, END = "<!-- matrix: written by tools/matrix/run.py -->", "<!-- end of matrix -->"


def judge(result):
    """Whether a row passed, and what it says."""
    if "latents" not in result:
        return False, f"{result['code']} {result['message']}"
    text = f"{result['latents']:.1e}" + (f", picture {result['picture']}" if "picture" in result else "")
    return result["latents"] <= LIMIT_LATENTS and result.get("picture", 0) <= LIMIT_PICTURE, text


def cell(row, results):
    if row.pending:
        return "not verified"
    passed, _ = judge(results[id(row)])
    if not passed:
        return "**fails**"
    return str(results[id(row)]["picture"]) if row.kind == "vae" else f"{results[id(row)]['latents']:.1e}"


def section_table(rows, results):
    columns, lines = list(dict.fromkeys(row.column for row in rows)), {}
    for row in rows:
        lines.setdefault(row.name, []).append(row)
    notes = any(row.note or row.pending for row in rows)
    measure = "largest difference of the picture, of 255" if rows[0].kind == "vae" else "relative error"
    heading = ["", *(column or measure for column in columns), *([""] if notes else [])]
    text = ["| " + " | ".join(heading) + " |", "|" + "---|" * len(heading)]
    for name, found in lines.items():
        cells = {row.column: cell(row, results) for row in found}
        note = next((row.pending or row.note for row in found if row.pending or row.note), "")
        text.append("| " + " | ".join([name, *(cells.get(column, "") for column in columns), *([note] if notes else [])]) + " |")
    return "\n".join(text)


def versions(package):
    names = ("diffusers", "torch", "transformers", "safetensors", "gguf", "peft", "lycoris-lora")
    theirs = ", ".join(f"{name} {importlib.metadata.version(name).split('+')[0]}" for name in names)
    ours = json.loads((package / "package.json").read_text())["version"]
    isa = subprocess.run(["node", "-e", "console.log(require(process.argv[1]).systemInfo().isa)", str(package.resolve())], capture_output=True, text=True, check=True)
    return f"node-ip-adapter {ours} ({isa.stdout.strip()}) against {theirs}"


def write(page, rows, results, made):
    sections = {}
    for row in rows:
        sections.setdefault(row.section, []).append(row)
    pictures = [result["picture"] for result in results.values() if "picture" in result]
    measured = [result["latents"] for result in results.values() if "latents" in result]
    text = [BEGIN, f"The tables were made on {made}. They have {len(results)} rows. The largest relative error of latents is {max(measured):.1e}, and the largest "
            f"difference of a picture is {max(pictures)} of 255.", *(f"## {name}\n\n{section_table(found, results)}" for name, found in sections.items()),
            krita.section(rows, results, judge, cell), END]
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    page.write_text(before + "\n\n".join(text) + rest.partition(END)[2], encoding="utf-8")
