/** The settings that a picture carries. */
import { types } from "node:util";

import { type AbortSignalLike, throwIfAborted } from "../abort-signal";
import { IpAdapterError, OptionError, fileError, messageOf } from "../errors";
import { sniff } from "../image/sniff";
import { IMAGE_LIMITS } from "../image/limits";
import type { CallSite } from "../native/call";
import type { ObjectSchema } from "../options/json-schema";
import { EstimateSchema } from "../options/estimate-schema";
import { ReadMetadataSchema } from "../options/file-schema";
import { readPath } from "../options/path";
import { bytesOf } from "../options/read-memory";
import { readOptions } from "../options/validate";
import { NotAFileError, TooLargeError, readSmallFile } from "../read-file";
import type { GenerateOptions, LoadOptions } from "../types";
import { RECORDED_CALL } from "./call-record";
import { PARAMETERS_KEY, RECORD_KEY, RECORD_VERSION } from "./call-texts";
import { jpegExif, readExif, webpExif } from "./exif";
import { RECORDED_LOAD } from "./load-record";
import { MOST_TEXT, textsOf } from "./png-text";
import type { FileRecord } from "./record";
import { restored, withoutRequired } from "./restore";
import { verifyFiles } from "./verify";

/** What a picture made by this package says of how it was made. */
export interface PictureSettings {
  /** version of the package that made it */
  library: string;
  /** options of Pipeline.load(); paths as they were given */
  load: LoadOptions;
  /** options of generate() for this one picture; pictures and large arrays that were given in memory are left out */
  generate: GenerateOptions;
  /** the files and pictures that the options name, by the hash of their content */
  files: FileRecord[];
  /** onStep gave other latents in some step: the settings alone do not make this picture again. Absent otherwise */
  latentsChanged?: true;
}

export interface PictureMetadata {
  format: "png" | "jpeg" | "webp";
  /** the text that AUTOMATIC1111's web UI and other programs read and write */
  parameters?: string;
  /** of pictures that this package made */
  settings?: PictureSettings;
}

export interface ReadMetadataOptions {
  /** check that the files that the settings name are there and have the content they had; default false */
  verify?: boolean | undefined;
  signal?: AbortSignalLike | undefined;
}

const { latents, seed } = EstimateSchema.properties;

/** Hashes and names of files: more than any call has. */
const MOST_FILES = 4096;

export async function readMetadataAt(
  picture: string | URL | Uint8Array,
  options: ReadMetadataOptions,
  site: CallSite,
): Promise<PictureMetadata> {
  const { verify = false, signal } = readOptions(ReadMetadataSchema, options);
  throwIfAborted(signal);
  const inMemory = types.isUint8Array(picture);
  const where = inMemory ? "picture" : readPath(picture, "picture");
  try {
    const bytes = inMemory ? Buffer.from(bytesOf(picture)) : await readPicture(where);
    const metadata = metadataOf(bytes, where);
    throwIfAborted(signal);
    if (verify && metadata.settings !== undefined) await verifyFiles(metadata.settings.files);
    return metadata;
  } catch (error) {
    throw error instanceof IpAdapterError ? site.attach(error) : error;
  }
}

async function readPicture(path: string): Promise<Buffer> {
  try {
    return await readSmallFile(path, IMAGE_LIMITS.fileBytes);
  } catch (error) {
    if (error instanceof NotAFileError)
      throw new IpAdapterError(
        "ERR_IPA_IO",
        `${path} ${error.message}: name a picture file${error.isFolder ? " in it" : ""}`,
      );
    if (error instanceof TooLargeError) throw new IpAdapterError("ERR_IPA_IO", `${path} ${error.message}`);
    throw fileError("picture", path, error);
  }
}

/** @param where names the picture in messages */
export function metadataOf(bytes: Buffer, where: string): PictureMetadata {
  const sniffed = sniff(bytes);
  const format = "format" in sniffed ? sniffed.format : undefined;
  if (format !== "png" && format !== "jpeg" && format !== "webp")
    throw new IpAdapterError("ERR_IPA_UNSUPPORTED", `${where}: expected a PNG, JPEG or WebP`);
  const { parameters, record } = format === "png" ? pngTexts(bytes) : exifTexts(bytes, format);
  const metadata: PictureMetadata = { format };
  if (parameters !== undefined && parameters !== "") metadata.parameters = parameters;
  if (record !== undefined) metadata.settings = readRecord(record, where);
  return metadata;
}

interface Texts {
  parameters?: string | undefined;
  record?: string | undefined;
}

function pngTexts(bytes: Buffer): Texts {
  const texts = textsOf(bytes);
  return { parameters: texts.get(PARAMETERS_KEY), record: texts.get(RECORD_KEY) };
}

function exifTexts(bytes: Buffer, format: "jpeg" | "webp"): Texts {
  const block = format === "jpeg" ? jpegExif(bytes) : webpExif(bytes);
  const { description, comment } = block === undefined ? {} : readExif(block);
  // A description of another program is none of ours.
  return { parameters: comment, record: description?.startsWith('{"version":') === true ? description : undefined };
}

function readRecord(text: string, where: string): PictureSettings {
  const damaged = (problem: string, cause?: unknown): IpAdapterError =>
    new IpAdapterError("ERR_IPA_SYNTAX", `${where}: its settings cannot be read: ${problem}`, { cause });
  if (text.length > MOST_TEXT) throw damaged(`${text.length} characters, at most ${MOST_TEXT} are read`);
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch (error) {
    throw damaged("they are no JSON", error);
  }
  if (!isObject(record)) throw damaged("expected an object");
  if (record["version"] !== RECORD_VERSION)
    throw damaged("they have a form that this version does not know: use a newer version of node-ip-adapter");
  try {
    return {
      library: readText(record["library"], "library", 64),
      load: readPart(RECORDED_LOAD, record["load"], "load"),
      generate: readPart({ ...RECORDED_CALL, latents, seed }, record["generate"], "generate"),
      files: readFiles(record["files"]),
      ...(record["latentsChanged"] === true ? { latentsChanged: true as const } : {}),
    };
  } catch (error) {
    throw error instanceof OptionError ? damaged(messageOf(error), error) : error;
  }
}

/** Options that were checked as if a caller had passed them; only those that decide pictures. */
function readPart(properties: ObjectSchema["properties"], value: unknown, option: string): object {
  if (!isObject(value)) throw new OptionError(option, "expected an object");
  const schema: ObjectSchema = { type: "object", title: "settings", additionalProperties: false, properties };
  return readOptions(withoutRequired(schema) as ObjectSchema, restored(schema, value, ""));
}

function readFiles(value: unknown): FileRecord[] {
  if (!Array.isArray(value) || value.length > MOST_FILES) throw new OptionError("files", "expected a list of files");
  return value.map((entry: unknown, i) => {
    const option = `files[${i}]`;
    if (!isObject(entry)) throw new OptionError(option, "expected an object");
    const file: FileRecord = { option: readText(entry["option"], `${option}.option`, 256) };
    if (entry["path"] !== undefined) file.path = readText(entry["path"], `${option}.path`, 4096);
    if (entry["sha256"] !== undefined) {
      file.sha256 = readText(entry["sha256"], `${option}.sha256`, 64);
      if (!/^[0-9a-f]{64}$/.test(file.sha256)) throw new OptionError(`${option}.sha256`, "expected 64 digits");
    }
    return file;
  });
}

function readText(value: unknown, option: string, most: number): string {
  if (typeof value === "string" && value.length <= most) return value;
  throw new OptionError(option, `expected a text of at most ${most} characters`);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
