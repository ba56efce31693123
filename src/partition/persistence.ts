import type { StreamSource } from "../activations/source.ts";
import type { Backend } from "../compute/backend.ts";
import type { OptionKinds } from "../compute/known_options.ts";
import {
  type ArrowFile,
  arrowTable,
  BATCH_BYTES,
  type Column,
  columnOf,
  fixedSizeListColumn,
  fixedSizeListsOf,
  float64Of,
  listsOf,
  numberColumn,
  openArrow,
  readArrow,
  type Table,
  writeArrow,
} from "../files/arrow.ts";
import { UNPACK_OPTIONS, type UnpackOptions } from "../files/unpacking.ts";
import { visibleText } from "../files/visible_text.ts";
import { wholeNumberColumn, wholeNumbersOf } from "../files/whole_numbers.ts";
import { removeBeside, saveBeside, toldOf } from "./calibration_file.ts";
import { blocksOf } from "./blocks.ts";
import { contextBytes, contextColumn, contextsByRow } from "./context_column.ts";
import { Contexts } from "./contexts.ts";
import { GatheredVectors } from "./gathered_vectors.ts";
import type { HostValues } from "./host_values.ts";
import { Members } from "./members.ts";
import { loadMembers, removeMembers, saveMembers } from "./members_file.ts";
import type { DictionaryParts } from "./parts.ts";
import { RegionArrays } from "./region_arrays.ts";

/** Kinds and versions of the file, in its schema's metadata; the first had no checksums, and members in it. */
const FORMAT = "exemplar dictionary 2";
const FIRST_FORMAT = "exemplar dictionary 1";
const CONTEXTS = ["nearest", "farthest"] as const;
const NUMBERS = ["count", "founder", "first_batch", "distance_sum", "distance_square_sum"] as const;

/** How a dictionary's file is read. */
export interface DictionaryLoadOptions extends UnpackOptions {
  /** Whether to read the sampled members too; default false. */
  members?: boolean;
  /** Gets a sentence about a file from before checksums; default `console.warn`. */
  onWarning?: (sentence: string) => void;
}

/** The kinds of {@linkcode DictionaryLoadOptions}. */
export const LOAD_OPTIONS: OptionKinds<DictionaryLoadOptions> = {
  ...UNPACK_OPTIONS,
  members: "boolean",
  onWarning: "function",
};

/** The columns, and what their fields' metadata say of them, as those of result tables do. */
const COLUMNS = {
  exemplar: { description: "direction of the activation that founded the region, minus center", unit: "unit vector" },
  sum: { description: "sum of the members' directions; over its length, the mean direction" },
  count: { description: "members", unit: "activations" },
  coherence: { description: "norm of the mean of the members' directions, 0..1" },
  distance_sum: { description: "sum over members of the distance to the exemplar", unit: "cosine distance" },
  distance_square_sum: { description: "sum over members of its square", unit: "squared cosine distance" },
  founder: { description: "stream index of the activation that founded the region" },
  first_batch: { description: "batch in which the region was founded" },
  nearest: { description: "members nearest to the exemplar, nearest first: where they were read" },
  farthest: { description: "members farthest from the exemplar, farthest first: where they were read" },
};

/** Writes a dictionary's files, and for people a JSON file beside them with what is in the metadata of its schema. */
export async function saveDictionary(parts: DictionaryParts, values: HostValues, path: string): Promise<void> {
  // Gone before and written after: whenever this is cut off, it is not left beside a dictionary that it is not of.
  await removeBeside(path);
  await saveArrow(parts, values, path);
  await saveBeside(path, toldOf(parts));
}

/**
 * Writes a dictionary as one Arrow IPC file, a row a region; see {@linkcode COLUMNS}. Center, threshold and the rest are in
 * the schema's metadata. Sampled members go to a file beside it. Equal dictionaries give equal bytes. Regions are written
 * some at a time: neither vectors nor texts are in memory twice.
 *
 * @param blockBytes Bytes of a column that are written at once.
 */
export async function saveArrow(
  parts: DictionaryParts,
  values: HostValues,
  path: string,
  blockBytes: number = BATCH_BYTES,
): Promise<void> {
  const { members } = parts;
  // The members first: whoever finds a dictionary finds them too.
  const beside = members && await saveMembers(path, members, values.exemplars, blockBytes);
  const metadata = {
    format: FORMAT,
    ...Object.fromEntries(Object.entries(toldOf(parts)).map(([name, value]) => [name, JSON.stringify(value)])),
    ...(beside && { members_file: beside }),
    backend: parts.backend.device,
  };
  await writeArrow(path, tablesOf(parts, values, metadata, blockBytes));
  // Not before: until the file was written over, the dictionary of that name may have needed them.
  if (!members) await removeMembers(path);
}

/** Tables of consecutive regions. */
async function* tablesOf(
  { regions, contexts, calibration }: DictionaryParts,
  { exemplars, sums, coherences }: HostValues,
  metadata: Readonly<Record<string, string>>,
  blockBytes: number,
): AsyncGenerator<Table> {
  const dim = calibration.center.length;
  const bytesOf = (region: number) =>
    Math.max(4 * dim, ...CONTEXTS.map((name) => contextBytes(contexts[name](region))));
  for (const [from, to] of blocksOf(regions.size, bytesOf, blockBytes)) {
    const lists = Array.from({ length: to - from }, (_, i) => from + i);
    const columns: Record<keyof typeof COLUMNS, Column> = {
      exemplar: fixedSizeListColumn(exemplars.subarray(from * dim, to * dim), dim),
      sum: fixedSizeListColumn(sums.subarray(from * dim, to * dim), dim),
      count: wholeNumberColumn(regions.counts.subarray(from, to)),
      coherence: numberColumn(coherences.subarray(from, to)),
      distance_sum: numberColumn(regions.distanceSums.subarray(from, to)),
      distance_square_sum: numberColumn(regions.distanceSquareSums.subarray(from, to)),
      founder: wholeNumberColumn(regions.founders.subarray(from, to)),
      first_batch: wholeNumberColumn(regions.firstBatches.subarray(from, to)),
      nearest: contextColumn(lists.map((region) => contexts.nearest(region))),
      farthest: contextColumn(lists.map((region) => contexts.farthest(region))),
    };
    yield arrowTable(columns, { metadata, fieldMetadata: COLUMNS });
  }
}

/**
 * The parts of a saved dictionary, on a backend. Contexts are read from the file when somebody first asks for one.
 *
 * @throws {Error} A sentence if the file is missing, damaged or of another kind, or has no members where they are
 * wanted.
 */
export async function loadDictionary(
  path: string,
  backend: Backend,
  { members: hasMembers = false, ...reading }: DictionaryLoadOptions = {},
): Promise<DictionaryParts> {
  using file = await openArrow(path, reading);
  const metadata = Object.fromEntries(file.schema.metadata);
  if (metadata.format !== FORMAT && metadata.format !== FIRST_FORMAT) {
    const found = metadata.format ? `"${visibleText(metadata.format)}"` : "an Arrow file of another kind";
    throw new Error(
      `Expected ${path} to be a file of the format "${FORMAT}" but found ${found}: give a file that Dictionary.save wrote`,
    );
  }
  const fields = fieldsOf(path, metadata);
  const { center, seed } = fields;
  const dim = center.length;
  const { exemplars, sums, regions } = await readRegions(file, path, dim);
  const { size } = regions;
  const later = file.later(CONTEXTS);
  const members = !hasMembers
    ? undefined
    : metadata.format === FIRST_FORMAT
    ? await firstMembers(path, dim, seed)
    : await loadMembers(path, exemplars, {
      ...{ size, dim, seed },
      most: Number(metadata.members),
      identity: metadata.members_file,
    });
  const { threshold, percentile, source, activations, beyond, foundedUntil, batches } = fields;
  return {
    backend,
    calibration: {
      center,
      threshold,
      ...(percentile === null ? {} : { percentile }),
      ...(source === null ? {} : { source }),
    },
    seed,
    exemplars: backend.upload(exemplars, size, dim),
    sums: backend.upload(sums, size, dim),
    regions,
    contexts: new Contexts(() => {
      const stored = stillThere(path, () => file.table(later(), CONTEXTS));
      const [nearest, farthest] = CONTEXTS.map((name) => contextsByRow(columnOf(stored, name)));
      return (region) => ({ nearest: nearest(region), farthest: farthest(region) });
    }),
    ...(members && { members }),
    activations,
    beyond,
    foundedUntil,
    batches,
  };
}

/** What is read later, from a file that may have been exchanged meanwhile. */
function stillThere(path: string, later: () => Table): Table {
  try {
    return later();
  } catch (cause) {
    throw new Error(
      `Cannot read the contexts of ${path}: it was damaged, exchanged or removed since it was opened ` +
        `(${(cause as Error).message.replace(/\.$/, "")}). Load the dictionary again.`,
      { cause },
    );
  }
}

function fieldsOf(path: string, metadata: Record<string, string>) {
  const number = (name: string) => {
    // `Number("")` would be 0.
    const value = Number(metadata[name] || NaN);
    if (Number.isFinite(value)) return value;
    throw new Error(`Cannot read ${path}: its ${name} is no number but ${metadata[name] ?? "missing"}. Copy it again.`);
  };
  const json = <T>(name: string): T => {
    try {
      return JSON.parse(metadata[name]) as T;
    } catch (cause) {
      throw new Error(`Cannot read ${path}: its ${name} is no JSON. Copy it again.`, { cause });
    }
  };
  const center = json<number[]>("center");
  if (!Array.isArray(center) || !center.every((value) => Number.isFinite(value))) {
    throw new Error(`Cannot read ${path}: its center is no list of numbers. Copy it again.`);
  }
  return {
    center: Float32Array.from(center),
    threshold: number("threshold"),
    percentile: json<number | null>("percentile"),
    source: json<StreamSource | null>("source"),
    seed: number("seed"),
    activations: number("activations"),
    // Files of before dictionaries counted on when they founded no more have neither.
    beyond: metadata.beyond === undefined ? 0 : number("beyond"),
    foundedUntil: number(metadata.founded_until === undefined ? "activations" : "founded_until"),
    batches: number("batches"),
  };
}

/** Everything that is kept of the regions but contexts and members, batch by batch: it need not fit into memory twice. */
async function readRegions(file: ArrowFile, path: string, dim: number) {
  const columns = ["exemplar", "sum", ...NUMBERS];
  const gathered = () => new GatheredVectors(Float32Array, file.rows * dim, file.lengths.length);
  const [exemplars, sums, regions] = [gathered(), gathered(), new RegionArrays()];
  for await (const batch of file.batches(columns)) {
    const table = file.table([batch], columns);
    const [exemplar, sum] = ["exemplar", "sum"].map((name) => fixedSizeListsOf(columnOf(table, name)));
    if (exemplar.dim !== dim || sum.dim !== dim) {
      throw new Error(
        `Expected exemplars and sums of length ${dim} in ${path}, as its center is, but found ${exemplar.dim} and ` +
          `${sum.dim}`,
      );
    }
    exemplars.add(exemplar.values);
    sums.add(sum.values);
    restoreRegions(regions, table);
  }
  return { exemplars: exemplars.values, sums: sums.values, regions };
}

function restoreRegions(regions: RegionArrays, table: Table): void {
  const [counts, founders, firstBatches] = ["count", "founder", "first_batch"].map((n) =>
    wholeNumbersOf(columnOf(table, n))
  );
  const [sums, squareSums] = ["distance_sum", "distance_square_sum"].map((n) => float64Of(columnOf(table, n)));
  for (let region = 0; region < table.numRows; region++) {
    regions.restore({
      count: counts[region],
      founder: founders[region],
      firstBatch: firstBatches[region],
      sum: sums[region],
      squareSum: squareSums[region],
    });
  }
}

/** The members of a file of the first version, 30 a region. */
async function firstMembers(path: string, dim: number, seed: number): Promise<Members> {
  // Whoever read the rest of the file was warned already.
  const table = await readArrow(path, { columns: ["reservoir"], onWarning: () => {} });
  const { offsets, child } = listsOf(columnOf(table, "reservoir"));
  const values = Float16Array.from(fixedSizeListsOf(child).values);
  const sizes = Array.from({ length: table.numRows }, (_, region) => offsets[region + 1] - offsets[region]);
  return Members.of(values, sizes, { dim, seed, most: 30 });
}
