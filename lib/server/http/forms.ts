/** Bodies of `multipart/form-data`, read by Node's own parser. */
import { Problem } from "../problem";

/** Values of a form: texts, the bytes of files, and lists of them where a name stands more than once or ends in []. */
export class Form {
  readonly values: Record<string, unknown>;

  constructor(values: Record<string, unknown>) {
    this.values = values;
  }
}

/** More parts than any request has. */
const MOST_PARTS = 200;

/** Before they are read, because each takes memory of its own. @throws Problem 400 */
function checkParts(body: Buffer, contentType: string): void {
  const [, quoted, plain] = /boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType) ?? [];
  const boundary = `--${quoted ?? plain ?? ""}`;
  let parts = 0;
  for (let at = body.indexOf(boundary); at >= 0; at = body.indexOf(boundary, at + boundary.length))
    // The last one ends the form.
    if (++parts > MOST_PARTS + 1) throw new Problem(400, "bad_form", `a form may have ${MOST_PARTS} parts`);
}

/**
 * @param body as it came, within the limit of bytes
 * @throws Problem 400
 */
export async function readForm(body: Buffer, contentType: string): Promise<Form> {
  checkParts(body, contentType);
  const response = new Response(new Uint8Array(body), { headers: { "content-type": contentType } });
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- it is for bodies without a bound; this one is in memory already
  const data = await response.formData().catch((cause: unknown) => {
    throw new Problem(400, "bad_form", "the body is no multipart/form-data", { cause });
  });
  const values = Object.create(null) as Record<string, unknown>;
  for (const [key, part] of data) {
    const value = typeof part === "string" ? part : Buffer.from(await part.arrayBuffer());
    const name = key.endsWith("[]") ? key.slice(0, -2) : key;
    const before = values[name];
    if (Array.isArray(before)) before.push(value);
    else if (before !== undefined) values[name] = [before, value];
    else values[name] = key === name ? value : [value];
  }
  return new Form(values);
}
