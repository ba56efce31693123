/** What is in JSON files: records of runs, indices of activation caches, checkpoints. */
import { dirname, join } from "node:path";
import { checksumOfFile } from "../files/checksum.ts";
import { isFile } from "../files/exists.ts";
import { isInside } from "../files/inside.ts";
import { readSealedJson } from "../files/sealed_json.ts";
import { type Contents, isRecord, type Json } from "./description.ts";

/** Reads a JSON file that this project writes; of a run's record the files beside it are checked, too. */
export async function describeJson(path: string): Promise<Contents> {
  const warnings: string[] = [];
  const value = await readSealedJson(path, {
    remedy: "write it again, or take a copy that is whole",
    onWarning: (sentence) => warnings.push(sentence),
  }) as Record<string, Json> | undefined;
  if (value === undefined) throw new Error(`Cannot read ${path}: there is no such file.`);
  const contents = await contentsOf(path, value);
  // Nothing is said about files of others.
  for (const sentence of warnings) console.warn(`inspect: ${sentence}`);
  return contents;
}

async function contentsOf(path: string, value: Record<string, Json>): Promise<Contents> {
  if ("findings" in value && "timings" in value && "flags" in value) return await runRecord(dirname(path), value);
  const { format, ...rest } = value;
  if (/^exemplar activations \d+$/.test(String(format))) return activationCache(rest);
  if (/^exemplar checkpoint \d+$/.test(String(format))) return checkpoint(rest);
  if (/^exemplar dictionary calibration \d+$/.test(String(format))) return dictionaryCalibration(rest);
  throw new Error(`Cannot tell what ${path} is: expected run.json, or the _index.json of an activation cache.`);
}

async function runRecord(
  folder: string,
  { name, started, device, seed, system, timings, flags, findings, outputs, notes, checksums }: Record<string, Json>,
): Promise<Contents> {
  const checked = isRecord(checksums)
    ? await Promise.all(Object.entries(checksums).map(([file, sum]) => checkedFile(folder, file, sum)))
    : undefined;
  return {
    kind: "record of a run",
    facts: {
      experiment: name,
      started,
      seed,
      device,
      system,
      seconds: isRecord(timings) ? timings.total ?? null : null,
      ...(checked ? { files: summary(checked) } : {}),
    },
    tables: {
      findings: pairs(findings, "finding"),
      flags: pairs(flags, "flag"),
      "seconds by step": pairs(timings, "step"),
      files: checked ?? list(outputs).map((file) => ({ file })),
      ...(list(notes).length > 0 ? { notes: list(notes).map((note) => ({ note })) } : {}),
    },
  };
}

const WHOLE = "as written";

/** A run's file, and whether it is still what the run wrote. */
async function checkedFile(folder: string, file: string, checksum: Json): Promise<{ file: string; state: string }> {
  const path = join(folder, file);
  // Who changed a record may have named devices, which never end.
  if (!isInside(file) || !await isFile(path)) return { file, state: "missing" };
  return { file, state: await checksumOfFile(path) === checksum ? WHOLE : "changed or damaged" };
}

function summary(files: readonly { state: string }[]): string {
  const others = files.filter(({ state }) => state !== WHOLE).length;
  return others === 0 ? "all as the run wrote them" : `${others} of ${files.length} not as the run wrote them`;
}

function activationCache({ source, hook = "resid_post", layers, dim, shards }: Record<string, Json>): Contents {
  const records = list(shards).filter(isRecord);
  const total = (key: string) => records.reduce((sum, shard) => sum + Number(shard[key]), 0);
  return {
    kind: "activation cache",
    facts: {
      ...(isRecord(source) ? source : {}),
      layers,
      hook,
      dim,
      activations: total("rows"),
      prompts: total("prompts"),
      tokens: total("tokens"),
    },
    tables: { shards: records },
  };
}

/** What stands beside a dictionary; its center is told by its length alone. */
function dictionaryCalibration({ center: _, source, ...told }: Record<string, Json>): Contents {
  return {
    kind: "center and threshold of a dictionary",
    facts: { ...told, ...(isRecord(source) ? source : {}) },
    tables: {},
  };
}

function checkpoint({ growths, rules, ...counts }: Record<string, Json>): Contents {
  return {
    kind: "checkpoint of a discovery",
    facts: { ...counts, rules },
    tables: {
      dictionaries: list(growths).filter(isRecord).map(({ snapshots: _, source, ...growth }) => ({
        ...growth,
        ...hookFact(source),
      })),
    },
  };
}

/** The items of an array; none of anything else. */
function list(value: Json): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

/** Where a dictionary's activations are read. */
function hookFact(source: Json): Record<string, Json> {
  return isRecord(source) && isRecord(source.hook) ? { hook: source.hook.at } : {};
}

function pairs(record: Json, key: string): Record<string, Json>[] {
  return Object.entries(isRecord(record) ? record : {}).map(([name, value]) => ({ [key]: name, value }));
}
