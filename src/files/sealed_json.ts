/**
 * JSON files that prove themselves: their last member `crc32` is the checksum of all others. It is taken of the values, so
 * that a file may be indented anew, but nothing in it may change.
 */
import { assertOptions } from "../compute/known_options.ts";
import { WRITE_OPTIONS, writeJsonAtomic, type WriteOptions } from "./atomic.ts";
import { checksumOf, mustCarryChecksums, unprovenWarning } from "./checksum.ts";
import { readWhole } from "./byte_file.ts";
import { unreadReason } from "./open.ts";

/** The members of a JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** How a sealed file is read. */
export interface ReadSealedOptions {
  /** What the reader can do about a bad file, the end of a sentence: "extract again". */
  remedy: string;
  /** Gets a sentence about a file without a checksum; default `console.warn`. */
  onWarning?: (sentence: string) => void;
}

/**
 * Writes an object as indented JSON with its checksum, in one step.
 *
 * @param value Its member `format` says what it is: `exemplar <kind> <version>`.
 * @throws {Error} A sentence with path and reason when it cannot be written.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readSealedJson, writeSealedJson } from "./mod.ts";
 *
 * const path = await Deno.makeTempFile({ suffix: ".json" });
 * await writeSealedJson(path, { format: "exemplar report 2", layers: [1, 3] });
 * const { layers } = await readSealedJson(path, { remedy: "write the report again" }) ?? {};
 * assertEquals(layers, [1, 3]);
 * await Deno.remove(path);
 * ```
 */
export function writeSealedJson(
  path: string,
  value: JsonObject & { readonly format: string },
  options: WriteOptions = {},
): Promise<void> {
  assertOptions("writeSealedJson", options, WRITE_OPTIONS);
  return writeJsonAtomic(path, { ...value, crc32: sealOf(value) }, options);
}

/**
 * Reads a JSON file that {@linkcode writeSealedJson} wrote, and checks it.
 *
 * @returns Its members, without the checksum; `undefined` if there is no such file.
 * @throws {Error} A sentence with path, reason and remedy if it cannot be read, is no JSON object, or does not fit its
 * checksum.
 *
 * @example A file that was changed by hand
 * ```ts
 * import { assertRejects } from "@std/assert";
 * import { readSealedJson, writeSealedJson } from "./mod.ts";
 *
 * const path = await Deno.makeTempFile({ suffix: ".json" });
 * await writeSealedJson(path, { format: "exemplar report 2", answer: "no" });
 * await Deno.writeTextFile(path, (await Deno.readTextFile(path)).replace("no", "yes"));
 * await assertRejects(() => readSealedJson(path, { remedy: "run it again" }), Error, "What to do: run it again.");
 * await Deno.remove(path);
 * ```
 */
export async function readSealedJson(path: string, options: ReadSealedOptions): Promise<JsonObject | undefined> {
  assertOptions("readSealedJson", options, { remedy: "string", onWarning: "function" });
  const { remedy, onWarning = console.warn } = options;
  const bad = (reason: string, cause?: unknown) =>
    new Error(`Cannot read ${path}: ${reason}. What to do: ${remedy}.`, { cause });
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(await readWhole(path));
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw bad(cause instanceof TypeError ? "it is damaged: its bytes are no text" : unreadReason(path, cause), cause);
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw bad("it is cut off or damaged: its text is no JSON", cause);
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) throw bad("it holds no JSON object");
  const { crc32: seal, ...members } = parsed as Record<string, unknown>;
  if (seal === undefined) {
    if (mustCarryChecksums(members.format)) throw bad("it is damaged: its checksum is missing");
    onWarning(unprovenWarning(path));
  } else if (seal !== sealOf(members)) {
    throw bad("it is damaged, or was changed by hand: its values do not fit its checksum");
  }
  return members;
}

/** The checksum of what JSON keeps of an object. */
function sealOf(value: JsonObject): string {
  // There and back, so that what JSON drops or changes (undefined, NaN) does so before the checksum, too.
  return checksumOf(JSON.stringify(JSON.parse(JSON.stringify(value))));
}
