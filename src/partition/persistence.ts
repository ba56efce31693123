import type { StreamSource } from "../activations/source.ts";
import type { Backend } from "../compute/backend.ts";
import {
  arrowTable,
  type Column,
  columnOf,
  fieldOf,
  fixedSizeListColumn,
  fixedSizeListsOf,
  float32Of,
  float64Of,
  int32Of,
  listColumn,
  listsOf,
  metadataOf,
  numberColumn,
  readArrow,
  stringColumn,
  stringsOf,
  structColumn,
  type Table,
  type Vector,
  writeArrow,
} from "../files/arrow.ts";
import { type Context, Contexts } from "./contexts.ts";
import type { DictionaryParts } from "./parts.ts";
import { RegionArrays } from "./region_arrays.ts";
import { Reservoir, rowNumbers } from "./reservoir.ts";

/** Kind and version of the file, in its schema's metadata. */
const FORMAT = "exemplar dictionary 1";

/** What the host knows of a dictionary's matrices, `size x dim` each, and coherences, `size`. */
export interface HostValues {
  readonly exemplars: Float32Array<ArrayBuffer>;
  readonly means: Float32Array<ArrayBuffer>;
  readonly sums: Float32Array<ArrayBuffer>;
  readonly coherences: Float64Array<ArrayBuffer>;
}

/**
 * Writes a dictionary as one Arrow IPC file, a row a region. Columns: `exemplar` and `mean` (unit vectors), `sum` (of the
 * member directions), `count`, `coherence`, `distance_sum`, `distance_square_sum`, `founder` (stream index), `first_batch`,
 * `nearest` and `farthest` (contexts), `reservoir` (member directions). Center, threshold and the rest are in the
 * schema's metadata. Equal dictionaries give equal bytes.
 */
export async function saveDictionary(parts: DictionaryParts, values: HostValues, path: string): Promise<void> {
  const { exemplars, means, sums, coherences } = values;
  const { regions, contexts, reservoir, backend, calibration, seed } = parts;
  const { size } = regions;
  const dim = calibration.center.length;
  const slots = Array.from({ length: size }, (_, region) => reservoir.rows(region));
  const members = await backend.download(reservoir.pool, Int32Array.from(slots.flat()));
  const list = (of: (region: number) => readonly Context[]) =>
    contextColumn(Array.from({ length: size }, (_, region) => of(region)));
  const table = arrowTable({
    exemplar: fixedSizeListColumn(exemplars, dim),
    mean: fixedSizeListColumn(means, dim),
    sum: fixedSizeListColumn(sums, dim),
    count: numberColumn(regions.counts),
    coherence: numberColumn(coherences),
    distance_sum: numberColumn(regions.distanceSums),
    distance_square_sum: numberColumn(regions.distanceSquareSums),
    founder: numberColumn(regions.founders),
    first_batch: numberColumn(regions.firstBatches),
    nearest: list((region) => contexts.nearest(region)),
    farthest: list((region) => contexts.farthest(region)),
    reservoir: listColumn(offsetsOf(slots.map((rows) => rows.length)), fixedSizeListColumn(members, dim)),
  }, {
    metadata: {
      format: FORMAT,
      dim: String(dim),
      center: JSON.stringify([...calibration.center]),
      threshold: String(calibration.threshold),
      percentile: JSON.stringify(calibration.percentile ?? null),
      source: JSON.stringify(calibration.source ?? null),
      seed: String(seed),
      activations: String(parts.activations),
      batches: String(parts.batches),
      backend: backend.device,
    },
  });
  await writeArrow(path, table);
}

/** The parts of a saved dictionary, on a backend. */
export async function loadDictionary(path: string, backend: Backend): Promise<DictionaryParts> {
  const table = await readArrow(path);
  const metadata = metadataOf(table);
  if (metadata.format !== FORMAT) {
    throw new Error(
      `Expected ${path} to be a file of the format "${FORMAT}" but found ` +
        `${
          metadata.format ? `"${metadata.format}"` : "an Arrow file of another kind"
        }: give a file that Dictionary.save wrote`,
    );
  }
  const center = Float32Array.from(JSON.parse(metadata.center) as number[]);
  const { values: exemplars, dim } = fixedSizeListsOf(columnOf(table, "exemplar"));
  if (dim !== center.length) {
    throw new Error(`Expected exemplars of length ${center.length} in ${path}, as its center is, but found ${dim}`);
  }
  const size = table.numRows;
  const upload = (values: Float32Array<ArrayBuffer>, rows: number) => backend.upload(values.slice(), rows, dim);
  const { offsets, child } = listsOf(columnOf(table, "reservoir"));
  const members = fixedSizeListsOf(child).values;
  const seed = Number(metadata.seed);
  const reservoir = new Reservoir(backend, dim, seed);
  const sample = upload(members, members.length / dim);
  reservoir.restore(sample, rowNumbers(0, sample.rows), rowNumbers(0, size).map((r) => offsets[r + 1] - offsets[r]));
  sample.dispose();
  const percentile = JSON.parse(metadata.percentile) as number | null;
  const source = JSON.parse(metadata.source) as StreamSource | null;
  return {
    backend,
    calibration: {
      center,
      threshold: Number(metadata.threshold),
      ...(percentile === null ? {} : { percentile }),
      ...(source === null ? {} : { source }),
    },
    seed,
    exemplars: upload(exemplars, size),
    sums: upload(fixedSizeListsOf(columnOf(table, "sum")).values, size),
    regions: regionsOf(table),
    contexts: contextsOf(table),
    reservoir,
    activations: Number(metadata.activations),
    batches: Number(metadata.batches),
  };
}

function regionsOf(table: Table): RegionArrays {
  const [counts, founders, firstBatches] = ["count", "founder", "first_batch"].map((n) => int32Of(columnOf(table, n)));
  const [sums, squareSums] = ["distance_sum", "distance_square_sum"].map((n) => float64Of(columnOf(table, n)));
  const regions = new RegionArrays();
  for (let region = 0; region < table.numRows; region++) {
    regions.restore({
      count: counts[region],
      founder: founders[region],
      firstBatch: firstBatches[region],
      sum: sums[region],
      squareSum: squareSums[region],
    });
  }
  return regions;
}

function contextsOf(table: Table): Contexts {
  const nearest = contextLists(columnOf(table, "nearest"));
  const farthest = contextLists(columnOf(table, "farthest"));
  const contexts = new Contexts();
  nearest.forEach((list, region) => contexts.restore(region, list, farthest[region]));
  return contexts;
}

/** `List<Struct<distance, prompt, position, before, token, after>>`. */
function contextColumn(lists: readonly (readonly Context[])[]): Column {
  const flat = lists.flat();
  return listColumn(
    offsetsOf(lists.map((list) => list.length)),
    structColumn({
      distance: numberColumn(Float32Array.from(flat, (context) => context.distance)),
      prompt: stringColumn(flat.map((context) => context.prompt)),
      position: numberColumn(Int32Array.from(flat, (context) => context.position)),
      before: stringColumn(flat.map((context) => context.excerpt.before)),
      token: stringColumn(flat.map((context) => context.excerpt.token)),
      after: stringColumn(flat.map((context) => context.excerpt.after)),
    }),
  );
}

/** The contexts of each row of such a column. */
export function contextLists(column: Vector): Context[][] {
  const { offsets, child } = listsOf(column);
  const distances = float32Of(fieldOf(child, "distance"));
  const positions = int32Of(fieldOf(child, "position"));
  const [prompts, before, token, after] = ["prompt", "before", "token", "after"].map((name) =>
    stringsOf(fieldOf(child, name))
  );
  const flat = prompts.map((prompt, i): Context => ({
    distance: distances[i],
    prompt,
    position: positions[i],
    excerpt: { before: before[i], token: token[i], after: after[i] },
  }));
  return Array.from({ length: offsets.length - 1 }, (_, row) => flat.slice(offsets[row], offsets[row + 1]));
}

function offsetsOf(lengths: readonly number[]): Int32Array<ArrayBuffer> {
  const offsets = new Int32Array(lengths.length + 1);
  lengths.forEach((length, i) => offsets[i + 1] = offsets[i] + length);
  return offsets;
}
