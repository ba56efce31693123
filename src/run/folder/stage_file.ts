/** What a step of a run gave, in a file: plain data as the engine writes it, with a checksum. */
import { deserialize, serialize } from "node:v8";
import { Buffer } from "node:buffer";
import { writeFileAtomic } from "../../files/atomic.ts";
import { readWhole } from "../../files/byte_file.ts";
import { checksumOf } from "../../files/checksum.ts";
import type { CalibrationRecord, StreamRecord } from "../../report/manifest.ts";

const FORMAT = "exemplar stage 2";

/** A step's value, and what it had to tell the reader. */
export interface StageRecord {
  readonly name: string;
  /** Tells the run, by what decides its results. */
  readonly run: string;
  readonly value: unknown;
  readonly notes: readonly string[];
  /** What its calibrations saw; absent in files of before that was told. */
  readonly calibrations?: readonly CalibrationRecord[];
  /** How far it read to grow dictionaries; likewise. */
  readonly streams?: readonly StreamRecord[];
}

/**
 * Writes a record in one step, and gives it as whoever reads it will get it.
 *
 * @throws {Error} If it holds more than plain data, or cannot be written.
 */
export async function writeStage(path: string, record: StageRecord): Promise<StageRecord> {
  assertPlain(record.value, record.name);
  const bytes = new Uint8Array(serialize(record));
  await writeFileAtomic(path, [new TextEncoder().encode(`${FORMAT} ${checksumOf(bytes)} ${bytes.length}\n`), bytes]);
  return deserialize(Buffer.from(bytes));
}

/**
 * Reads a record; `undefined` if there is none.
 *
 * @throws {Error} A sentence if it is damaged, or of another step.
 */
export async function readStage(
  path: string,
  { name, run }: Pick<StageRecord, "name" | "run">,
): Promise<StageRecord | undefined> {
  let file: Uint8Array<ArrayBuffer>;
  try {
    file = await readWhole(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  const end = file.indexOf(10);
  const [checksum, length] = new TextDecoder("latin1").decode(file.subarray(0, Math.max(0, end)))
    .replace(`${FORMAT} `, "").split(" ");
  const bytes = file.subarray(end + 1);
  if (end < 0 || Number(length) !== bytes.length || checksum !== checksumOf(bytes)) {
    throw new Error(`Cannot read ${path}: it is cut off or damaged.`);
  }
  const record = deserialize(Buffer.from(bytes)) as StageRecord;
  if (record.name !== name || record.run !== run) {
    throw new Error(`Cannot read ${path}: it is of another run or step, "${record.name}".`);
  }
  return record;
}

/** Throws where a value is more than plain data, whose kind would be lost. */
function assertPlain(value: unknown, name: string): void {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return;
  if (Array.isArray(value) || value instanceof Set) return value.forEach((part) => assertPlain(part, name));
  if (value instanceof Map) return value.forEach((part, key) => [key, part].forEach((one) => assertPlain(one, name)));
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError(`Expected plain data from the step "${name}" but found a ${value.constructor.name}`);
  }
  for (const part of Object.values(value)) assertPlain(part, name);
}
