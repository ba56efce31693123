/** What is in Arrow files: dictionaries, calibrations, activations, result tables. */
import { columnOf, DataType, float64Of, outlineArrow, readArrow, type Schema, type Table } from "../files/arrow.ts";
import { wholeNumbersOf } from "../files/whole_numbers.ts";
import { contextsByRow } from "../partition/context_column.ts";
import { type Contents, isRecord, type Json, told } from "./description.ts";
import { largestRegions, regionFacts } from "./regions.ts";

/** Reads what an Arrow file holds; of values only those that are shown. */
export async function describeArrow(path: string, rows: number): Promise<Contents> {
  const { schema, rows: length, batches } = await outlineArrow(path);
  const metadata: Record<string, string> = Object.fromEntries(schema.metadata);
  const outline = { rows: length, "record batches": batches };
  switch (metadata.format) {
    case "exemplar dictionary 1":
    case "exemplar dictionary 2":
      return await describeDictionary(path, metadata, rows);
    case "exemplar calibration 1":
    case "exemplar calibration 2":
      return {
        kind: "calibration",
        facts: {
          activations: Number(metadata.activations),
          ...pairFacts(metadata),
          ...sourceFacts(metadata),
          dim: vectorLength(schema, "center"),
        },
        tables: { thresholds: firstRows(await flatColumns(path, schema), length) },
      };
    case "exemplar activations 1":
    case "exemplar activations 2":
    case "exemplar activations 3": {
      const { format: _, shard, ...reading } = metadata;
      return {
        kind: "shard of an activation cache",
        facts: { ...outline, ...reading, ...record(shard) },
        tables: {
          columns: columnRows(schema),
          [`first ${rows} rows`]: firstRows(await flatColumns(path, schema), rows),
        },
      };
    }
    case "exemplar members 2":
      return {
        kind: "sampled members of a dictionary",
        facts: { ...outline, "members a region": Number(metadata.most) },
        tables: { columns: columnRows(schema) },
      };
    default:
      return {
        kind: metadata.format ? `table (${metadata.format})` : "table",
        facts: { ...outline, ...metadata },
        tables: {
          columns: columnRows(schema),
          [`first ${rows} rows`]: firstRows(await flatColumns(path, schema), rows),
        },
      };
  }
}

async function describeDictionary(path: string, metadata: Record<string, string>, rows: number): Promise<Contents> {
  const columns = ["count", "coherence", "distance_sum", "first_batch", "nearest"];
  const table = await readArrow(path, { columns });
  const figures = {
    counts: wholeNumbersOf(columnOf(table, "count")),
    coherences: float64Of(columnOf(table, "coherence")),
    distanceSums: float64Of(columnOf(table, "distance_sum")),
    firstBatches: wholeNumbersOf(columnOf(table, "first_batch")),
    nearest: contextsByRow(columnOf(table, "nearest")),
  };
  return {
    kind: "dictionary",
    facts: {
      ...regionFacts(figures),
      dim: Number(metadata.dim),
      p: JSON.parse(metadata.percentile) as Json,
      threshold: Number(metadata.threshold),
      activations: Number(metadata.activations),
      ...countingFacts(metadata),
      batches: Number(metadata.batches),
      seed: Number(metadata.seed),
      ...sourceFacts(metadata),
      "built on": metadata.backend,
    },
    tables: { "largest regions": largestRegions(figures, rows) },
  };
}

/** How many of a dictionary's activations its members are, where it tells. */
export function countingFacts({ beyond, founded_until }: Readonly<Record<string, string>>): Record<string, Json> {
  if (beyond === undefined) return {};
  return { "beyond the threshold": Number(beyond), "founded until": Number(founded_until) };
}

/** Where activations came from, as plain facts. */
export function sourceFacts({ source = "null" }: Readonly<Record<string, string>>): Record<string, Json> {
  const { hook, ...rest } = record(source);
  return told({ ...rest, ...(isRecord(hook) ? { layer: hook.layer, hook: hook.at } : {}) });
}

/** Which pairs a calibration's distances are of; nothing of one of before there was a choice. */
function pairFacts({ pairs }: Readonly<Record<string, string>>): Record<string, Json> {
  const { within, because, parts, batchRatio } = record(pairs);
  return told({ "pairs within": within, because, "batches or blocks": parts, "batch ratio": batchRatio });
}

function record(json = "null"): Record<string, Json> {
  const value: unknown = JSON.parse(json);
  return isRecord(value) ? value : {};
}

function columnRows(schema: Schema): Record<string, Json>[] {
  return schema.fields.map(({ name, type, metadata }) => ({
    column: name,
    type: String(type),
    description: metadata.get("description") ?? null,
  }));
}

function vectorLength(schema: Schema, name: string): Json {
  const type = schema.fields.find((field) => field.name === name)?.type;
  return DataType.isFixedSizeList(type) ? type.listSize : null;
}

/** The columns of single values: lists and vectors are told by their types. */
async function flatColumns(path: string, schema: Schema): Promise<Table> {
  const flat = schema.fields.filter(({ type }) => (type.children ?? []).length === 0);
  return await readArrow(path, { columns: flat.map(({ name }) => name) });
}

function firstRows(table: Table, rows: number): Record<string, Json>[] {
  return Array.from(
    { length: Math.min(rows, table.numRows) },
    (_, row) =>
      Object.fromEntries(table.schema.names.map((name) => {
        const value: unknown = table.getChild(name)!.get(row);
        if (typeof value === "bigint") return [name, Number.isSafeInteger(Number(value)) ? Number(value) : value];
        const isPlain = typeof value === "string" || typeof value === "boolean" || Number.isFinite(value);
        return [name, isPlain ? value as Json : value === null || Number.isNaN(value) ? null : String(value)];
      })),
  );
}
