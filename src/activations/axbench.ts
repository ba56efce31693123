import { join } from "node:path";
import { isFile } from "../files/exists.ts";
import { CorpusError } from "./errors.ts";
import { readRows } from "./rows.ts";

/** A question and its answer. */
export interface AxBenchRow {
  /** The question. */
  readonly input: string;
  /** The answer. */
  readonly output: string;
  /** `text`, `code` or `math`. */
  readonly genre: string;
}

/** A concept and its texts. */
export interface AxBenchConcept {
  /** Its number in the set. */
  readonly id: number;
  /** The concept in words. */
  readonly concept: string;
  /** Genre of its texts: `text`, `code` or `math`. */
  readonly genre: string;
  /** Address of the SAE feature that the concept describes; `null` where none is told. */
  readonly ref: string | null;
  /** Answers with the concept, to choose or train with. */
  readonly positives: readonly AxBenchRow[];
  /** Held-out answers: with the concept, without it, and hard negatives, which use its words in another sense. */
  readonly evaluation: readonly (AxBenchRow & { readonly category: string; readonly positive: boolean })[];
}

/** The texts of some concepts. */
export interface AxBench {
  /** Ascending by id. */
  readonly concepts: readonly AxBenchConcept[];
  /** Answers without any concept, by genre: those of a concept's genre are its negatives to choose or train with. */
  readonly negatives: ReadonlyMap<string, readonly AxBenchRow[]>;
}

/**
 * Where the files lie: beside each other, as AxBench's repository has them, or as its data sets on the hub have them.
 */
const LAYOUTS = [
  { metadata: "metadata.jsonl", train: "train_data.parquet", evaluation: "latent_eval_data.parquet" },
  {
    metadata: "generate/metadata.jsonl",
    train: "generate/train_data.parquet",
    evaluation: "inference/latent_eval_data.parquet",
  },
  { metadata: "metadata.jsonl", train: "train/data.parquet", evaluation: "test/data.parquet" },
];

/**
 * Reads the data of AxBench (Wu et al., "AxBench: Steering LLMs? Even Simple Baselines Outperform Sparse Autoencoders",
 * 2025) for concept detection. The texts are kept in memory (of 500 concepts about 100 MB), for the concepts asked for.
 *
 * @param folder One of AxBench's `concept10` or `concept500` folders, flat or with `generate/` and `inference/`, or a
 * folder of its data sets on the hub (`train/data.parquet`, `test/data.parquet`). Where there is no `metadata.jsonl`,
 * concept and genre are those of the positive rows.
 * @param ids Which concepts; default all.
 * @throws {CorpusError} if files, fields, concepts or one of a concept's groups of rows are missing.
 *
 * @example
 * ```ts
 * const { concepts: [concept], negatives } = await readAxBench("fixtures/corpora/axbench", [2]);
 * const { genre, positives } = concept;
 * if (genre !== "code" || positives.length !== 72 || negatives.get(genre)?.length !== 72) throw new Error(genre);
 * ```
 */
export async function readAxBench(folder: string, ids?: readonly number[]): Promise<AxBench> {
  const files = await layoutOf(folder);
  const wanted = ids && new Set(ids);
  const keeps = (id: number) => !wanted || wanted.has(id);

  const negatives = new Map<string, AxBenchRow[]>();
  const positives = new Map<number, (AxBenchRow & { concept: string })[]>();
  for (const path of await trainFiles(files.train)) {
    for await (const { row, id, category, concept } of labelledRows(path)) {
      // Negatives belong to no concept: they are taken by genre, whatever ids are asked for.
      if (category === "negative") push(negatives, row.genre, row);
      else if (category === "positive" && keeps(id)) push(positives, id, { ...row, concept });
    }
  }
  const evaluation = new Map<number, AxBenchConcept["evaluation"][number][]>();
  const refs = new Map<number, string | null>();
  for await (const { row, id, category, ref, place } of labelledRows(files.evaluation)) {
    if (!keeps(id)) continue;
    if (category !== "positive" && category !== "negative" && !category.startsWith("hard negative")) {
      throw new CorpusError(
        `Expected the category positive, negative or hard negative but ${place} has "${category}": correct or delete it`,
      );
    }
    push(evaluation, id, { ...row, category, positive: category === "positive" });
    refs.set(id, ref);
  }
  const metadata = await readMetadata(files.metadata);

  const chosen = (ids ? [...wanted!] : [...positives.keys()]).sort((a, b) => a - b);
  const concepts = chosen.map((id): AxBenchConcept => {
    const [own, held] = [positives.get(id) ?? [], evaluation.get(id) ?? []];
    const known = metadata.get(id);
    const { concept, genre } = known ?? own[0] ?? { concept: "", genre: "" };
    const lacks = own.length === 0
      ? `positive rows in "${files.train}"`
      : !negatives.get(genre)?.length
      ? `negative rows of the genre "${genre}" in "${files.train}"`
      : !held.some(({ positive }) => positive) || !held.some(({ positive }) => !positive)
      ? `positive and negative rows in "${files.evaluation}"`
      : undefined;
    if (lacks) throw new CorpusError(`Expected concept ${id} to have ${lacks} but found none: leave it out`);
    return { id, concept, genre, ref: known?.ref ?? refs.get(id) ?? null, positives: own, evaluation: held };
  });
  if (concepts.length === 0) {
    throw new CorpusError(`Expected concepts in "${files.train}" but found none: name another`);
  }
  return { concepts, negatives };
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

async function layoutOf(folder: string): Promise<typeof LAYOUTS[number]> {
  for (const layout of LAYOUTS) {
    const { metadata, train, evaluation } = layout;
    if (await isFile(join(folder, train)) && await isFile(join(folder, evaluation))) {
      return { metadata: join(folder, metadata), train: join(folder, train), evaluation: join(folder, evaluation) };
    }
  }
  const pairs = LAYOUTS.map(({ train, evaluation }) => `${train} and ${evaluation}`).join(", or ");
  throw new CorpusError(`Expected AxBench's files in "${folder}" but it has not ${pairs}: name their folder`);
}

/** The train file, and the further parts that large sets are cut into: `train_data_0.parquet` and so on. */
async function trainFiles(first: string): Promise<string[]> {
  const files = [first];
  for (let part = 0;; part++) {
    const path = first.replace(/\.parquet$/, `_${part}.parquet`);
    if (!await isFile(path)) return files;
    files.push(path);
  }
}

async function* labelledRows(path: string) {
  for await (const { value, place } of readRows(path)) {
    const fields = value as Record<string, unknown>;
    const text = (name: string): string => {
      if (typeof fields[name] === "string") return fields[name];
      throw new CorpusError(`Expected a text in field "${name}" but ${place} holds ${JSON.stringify(fields[name])}`);
    };
    const id = conceptId(fields.concept_id, place);
    yield {
      row: { input: text("input"), output: text("output"), genre: text("concept_genre") },
      id,
      category: text("category"),
      concept: text("output_concept"),
      ref: typeof fields.sae_link === "string" && fields.sae_link !== "" ? fields.sae_link : null,
      place,
    };
  }
}

/** A whole number, also one that a table holds as text or in 64 bits. */
function conceptId(value: unknown, place: string): number {
  // Number() takes what is nothing, such as null, for 0.
  const isTold = typeof value === "number" || typeof value === "bigint" || typeof value === "string" && value.trim();
  const id = isTold ? Number(value) : NaN;
  if (Number.isInteger(id)) return id;
  throw new CorpusError(`Expected a whole number in field "concept_id" but ${place} holds ${value}`);
}

/** Concept, genre and reference by id; none if there is no such file. */
async function readMetadata(
  path: string,
): Promise<Map<number, { concept: string; genre: string; ref: string | null }>> {
  const metadata = new Map<number, { concept: string; genre: string; ref: string | null }>();
  if (!await isFile(path)) return metadata;
  for await (const { value, place } of readRows(path)) {
    const { concept_id: id, concept, ref, concept_genres_map: genres } = value as Record<string, unknown>;
    const genre = (genres as Record<string, string[]> | undefined)?.[String(concept)]?.[0];
    if (typeof id !== "number" || typeof concept !== "string" || typeof genre !== "string") {
      throw new CorpusError(`Expected concept_id, concept and its concept_genres_map but ${place} has not all of them`);
    }
    metadata.set(id, { concept, genre, ref: typeof ref === "string" && ref !== "" ? ref : null });
  }
  return metadata;
}
