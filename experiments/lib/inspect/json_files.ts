/** What is in JSON files: records of runs, indices of activation caches, checkpoints. */
import { type Contents, isRecord, type Json } from "./description.ts";

/** Reads a JSON file that this project writes. */
export async function describeJson(path: string): Promise<Contents> {
  let value: unknown;
  try {
    value = JSON.parse(await Deno.readTextFile(path));
  } catch (cause) {
    throw new Error(`Cannot read ${path}: it is cut off or no JSON (${(cause as Error).message}).`, { cause });
  }
  if (!isRecord(value)) throw unknown(path);
  if ("findings" in value && "timings" in value && "flags" in value) return runRecord(value);
  const { format, ...rest } = value;
  if (format === "exemplar activations 1") return activationCache(rest);
  if (format === "exemplar checkpoint 1") return checkpoint(rest);
  throw unknown(path);
}

function unknown(path: string): Error {
  return new Error(`Cannot tell what ${path} is: expected run.json, or the index.json of an activation cache.`);
}

function runRecord(
  { name, started, device, seed, system, timings, flags, findings, outputs, notes }: Record<string, Json>,
): Contents {
  return {
    kind: "record of a run",
    facts: {
      experiment: name,
      started,
      seed,
      device,
      system,
      seconds: isRecord(timings) ? timings.total ?? null : null,
    },
    tables: {
      findings: pairs(findings, "finding"),
      flags: pairs(flags, "flag"),
      "seconds by step": pairs(timings, "step"),
      files: list(outputs).map((file) => ({ file })),
      ...(list(notes).length > 0 ? { notes: list(notes).map((note) => ({ note })) } : {}),
    },
  };
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
