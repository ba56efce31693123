import { hypot } from "../compute/long_lists.ts";
import type { Backend } from "../compute/backend.ts";
import { PickleObject, type PickleValue, readPickle } from "../files/pickle/pickle.ts";
import { listed } from "../files/tensor.ts";
import { openTorch } from "../files/torch/container.ts";
import { fillStorages, torchArrays } from "../files/torch/tensors.ts";
import { Contexts } from "./contexts.ts";
import type { DictionaryCalibration, DictionaryParts } from "./parts.ts";
import { checkRegion, checkResolution, Membership, type PublishedRegion, RESERVOIR } from "./published_checks.ts";
import { PUBLISHED } from "./published_pickle.ts";
import { publishedContexts } from "./published_contexts.ts";
import { PublishedFields } from "./published_fields.ts";
import { RegionArrays } from "./region_arrays.ts";
import { Members } from "./members.ts";

/** Share of the last batch that founded regions. */
const RATE = "_last_batch_new_partition_rate";
/** Most members of one region. */
const MOST = 2 ** 31 - 1;

/** What a published dictionary does not say of itself. */
export type PublishedOrigin = Pick<DictionaryCalibration, "percentile" | "source">;

/** A published dictionary on the host. */
export interface PublishedDictionary {
  readonly center: Float32Array<ArrayBuffer>;
  readonly threshold: number;
  /** Unit directions, `size x dim`. */
  readonly exemplars: Float32Array<ArrayBuffer>;
  /** Sums of member directions, `size x dim`. */
  readonly sums: Float32Array<ArrayBuffer>;
  readonly regions: RegionArrays;
  readonly contexts: Contexts;
  /** Sampled member directions of all regions, one after the other. */
  readonly members: Float32Array<ArrayBuffer>;
  /** How many of them each region has. */
  readonly sampleSizes: readonly number[];
  readonly activations: number;
  readonly batches: number;
}

/**
 * The parts of a published dictionary on a backend: see {@link readPublished}.
 *
 * @param origin What the file does not say, and whether to keep its sampled members.
 */
export function publishedParts(
  bytes: Uint8Array,
  name: string,
  backend: Backend,
  origin: PublishedOrigin & { members?: boolean } = {},
): DictionaryParts {
  return partsOfPublished(readPublished(bytes, name), backend, origin);
}

/** The parts of a published dictionary that was read, on a backend; options as {@linkcode publishedParts} takes them. */
export function partsOfPublished(
  published: PublishedDictionary,
  backend: Backend,
  { members: isSampled = false, ...origin }: PublishedOrigin & { members?: boolean } = {},
): DictionaryParts {
  const { center, threshold, exemplars, sums, members, sampleSizes, ...rest } = published;
  const dim = center.length;
  const upload = (data: Float32Array<ArrayBuffer>) => backend.upload(data, data.length / dim, dim);
  const calibration = { center, threshold, ...origin };
  const sample = isSampled && members.length > 0
    ? Members.of(Float16Array.from(members), sampleSizes, { dim, seed: 0, most: RESERVOIR })
    : undefined;
  const parts = { ...rest, backend, calibration, seed: 0, exemplars: upload(exemplars), sums: upload(sums) };
  const counts = { beyond: 0, foundedUntil: rest.activations };
  return { ...parts, ...counts, ...(sample && { members: sample }) };
}

/**
 * Reads a dictionary that the method's published Python implementation pickled (`ep.discovery.dictionary`) as data:
 * nothing of the file is executed. What the format says twice is compared, so that most damage is found: exemplars with
 * the dictionary's cache of them, the members' stream indices with the counts and with each other, and each region with
 * itself ({@link checkRegion}). Sums of member directions are `coherence * count * mean`.
 *
 * @param bytes The whole file.
 * @param name What sentences call it.
 * @throws {Error} A sentence if the file asks for anything but data, or is no dictionary, or not a consistent one.
 */
export function readPublished(bytes: Uint8Array, name: string): PublishedDictionary {
  return publishedOf(readPickle(bytes, name, PUBLISHED), name);
}

/**
 * Reads a published dictionary that was saved by `torch.save`, its arrays as they were or as tensors; see
 * {@linkcode readPublished}.
 *
 * @throws {Error} A sentence as there, and if the file is of `torch.save` but holds something else.
 */
export async function readPublishedTorch(path: string): Promise<PublishedDictionary> {
  using file = await openTorch(path, PUBLISHED);
  if (!(file.value instanceof PickleObject)) {
    const tensors = [...torchArrays(file).keys()].map((name) => name === "" ? "one tensor" : name);
    throw new Error(
      `Cannot read ${path} as a dictionary: it is a file of torch.save (PyTorch) that holds ${
        tensors.length > 0 ? listed(tensors) : "no tensors"
      }, and no ` +
        "published dictionary. Read vectors with readVectors, and build a dictionary from them.",
    );
  }
  await fillStorages(file);
  return publishedOf(file.value, path);
}

function publishedOf(value: PickleValue, name: string): PublishedDictionary {
  if (!(value instanceof PickleObject)) {
    throw new Error(
      `Cannot read ${name} as a dictionary: it is a Python pickle, but what it holds is no object of the class Dictionary. ` +
        "Nothing of it was run.",
    );
  }
  const dictionary = new PublishedFields(name, "the dictionary", value, "Dictionary");
  const dim = dictionary.array("center", 1).length;
  const center = dictionary.vector("center", dim);
  // As a dictionary of ours demands it: see `Dictionary.create`.
  const threshold = dictionary.number("threshold", 1e-6, 2);
  // Bookkeeping, which dictionaries of before the first release need not have.
  const isMerged = dictionary.has("merge_close") && dictionary.boolean("merge_close");
  if (dictionary.has(RATE)) dictionary.number(RATE, 0, 1);
  const partitions = Array.from(
    dictionary.list("partitions"),
    (partition, index) => new PublishedFields(name, `region ${index}`, partition, "Partition"),
  );
  const size = partitions.length;
  if (dim === 0 || size === 0) throw dictionary.error("is empty");
  const cached = cachedExemplars(dictionary, size, dim);
  const membership = membershipOf(dictionary, partitions, isMerged);

  const exemplars = new Float32Array(size * dim);
  const sums = new Float32Array(size * dim);
  const regions = new RegionArrays();
  const contexts = new Contexts();
  const sizes = partitions.map((fields) => fields.list("sample_members").length);
  const rounding = partitions.reduce(
    (most, fields) => Math.max(most, fields.rounding("exemplar_direction"), fields.rounding("mean_member_direction")),
    0,
  );
  const rule = { threshold, isMerged, isSampled: sizes.some((rows) => rows > 0), rounding };
  const members = new Float32Array(sizes.reduce((total, rows) => total + rows, 0) * dim);
  let member = 0;
  partitions.forEach((fields, index) => {
    const from = member;
    for (const vector of fields.vectors("sample_members", dim)) {
      members.set(vector, member);
      member += dim;
    }
    const region = regionOf(fields, members.subarray(from, member), dim);
    const { count, mean, coherence, exemplar, distanceSum, distanceSquareSum } = region;
    checkRegion(fields, region, rule);
    const copy = cached?.(index);
    if (copy && !exemplar.every((value, j) => Math.abs(value - copy[j]) <= rounding)) {
      throw fields.error("has another exemplar than the dictionary's cache of exemplars");
    }
    regions.restore({ ...membership.add(fields, count), count, sum: distanceSum, squareSum: distanceSquareSum });
    contexts.restore(index, publishedContexts(fields, count, distanceSum, rule));
    exemplars.set(rounding > 0 ? unit(exemplar) : exemplar, index * dim);
    // By the definition of coherence, ||sum|| / count; the format has no sums.
    sums.set((rounding > 0 ? unit(mean) : mean).map((value) => value * coherence * count), index * dim);
  });
  if (!isMerged) checkResolution(dictionary, exemplars, dim, rule);

  return {
    center,
    threshold,
    exemplars,
    sums,
    regions,
    contexts,
    members,
    sampleSizes: sizes,
    activations: membership.activations,
    batches: membership.batches(dictionary),
  };
}

/** A direction whose length rounding has changed, of length 1 again. */
function unit(direction: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  const length = hypot(direction);
  return direction.map((value) => value / length);
}

function regionOf(fields: PublishedFields, members: Float32Array<ArrayBuffer>, dim: number): PublishedRegion {
  const count = fields.integer("member_count", 1, MOST);
  return {
    count,
    exemplar: fields.vector("exemplar_direction", dim),
    mean: fields.vector("mean_member_direction", dim),
    coherence: fields.number("member_coherence", 0, 1 + 1e-4),
    distanceSum: fields.number("sum_dist_to_exemplar", -1e-4 * count, 2 * count),
    distanceSquareSum: fields.number("sum_sq_dist_to_exemplar", 0, 4 * count),
    members,
  };
}

/** The dictionary's own copy of all exemplars, if it has one: rows `size` to `capacity` are unused. */
function cachedExemplars(dictionary: PublishedFields, size: number, dim: number) {
  if (!dictionary.has("_exemplars")) return undefined;
  const cache = dictionary.array("_exemplars", 2);
  const capacity = dictionary.integer("_exemplars_capacity", size, MOST);
  if (cache.shape[0] !== capacity || cache.shape[1] !== dim) {
    throw dictionary.error(`has ${cache.shape.join(" x ")} cached exemplars, not ${capacity} x ${dim}`);
  }
  const row = new Float32Array(dim);
  return (region: number) => {
    cache.copyTo(row, 0, region * dim, dim);
    return row;
  };
}

/** Either every region lists its members' stream indices, or none does. */
function membershipOf(dictionary: PublishedFields, partitions: PublishedFields[], isMerged: boolean): Membership {
  const lengths = partitions.map((fields) => fields.list("constituent_sample_indices").length);
  const isListed = lengths.some((length) => length > 0);
  const counts = partitions.map((fields) => fields.integer("member_count", 1, MOST));
  partitions.forEach((fields, index) => {
    if (isListed && lengths[index] !== counts[index]) {
      throw fields.error(`has ${counts[index]} members but lists ${lengths[index]}`);
    }
  });
  const members = counts.reduce((sum, count) => sum + count, 0);
  // Stream indices go up to twice the members (see Membership), and must fit Int32.
  if (2 * members > MOST) throw dictionary.error(`has ${members} members, more than can be`);
  return new Membership({ members, isListed, isMerged, isComplete: counts.includes(1) });
}
