/** The tables of an experiment on paths, column by column. */
import type { TableColumn } from "../../../src/report/mod.ts";
import type { PathsMeasured, ShownPath } from "./measure.ts";

/** A row a token and layer of the shown prompt, in order and shuffled. */
export function pathColumns({ layers, lens, inOrder, shuffled }: ShownPath): TableColumn[] {
  const rows = [inOrder, shuffled].flatMap(({ ids, texts, regions, distances }, order) =>
    ids.flatMap((id, token) =>
      layers.map((layer, i) => ({
        order: order === 0 ? "in order" : "shuffled",
        position: token + 1,
        ...{ id, layer, text: texts[token], region: regions[i][token], distance: distances[i][token] },
        lens: lens[i].get(regions[i][token])!.join("\t"),
      }))
    )
  );
  return [
    {
      name: "order",
      values: rows.map(({ order }) => order),
      description: "the prompt in order, or its tokens shuffled",
    },
    {
      name: "position",
      type: "int32",
      values: rows.map((row) => row.position),
      description: "of the token; <bos> is 0",
    },
    { name: "id", type: "int32", values: rows.map(({ id }) => id), description: "of the token" },
    { name: "token", values: rows.map(({ text }) => text), description: "its text" },
    { name: "layer", type: "int32", values: rows.map(({ layer }) => layer), description: "block whose output is read" },
    {
      name: "region",
      type: "int32",
      values: rows.map(({ region }) => region),
      description: "of that layer's dictionary",
    },
    { name: "distance", values: rows.map(({ distance }) => distance), description: "cosine distance to its exemplar" },
    {
      name: "lens",
      values: rows.map((row) => row.lens),
      description: "logit lens of its mean direction, tabs between",
    },
  ];
}

/** A row a seed, percentile and layer. */
export function layerColumns(measured: readonly PathsMeasured[]): TableColumn[] {
  const rows = measured.flatMap((row) => row.layers.map((layer, i) => ({ ...row, layer, i })));
  return [
    {
      name: "seed",
      type: "int32",
      values: rows.map(({ seed }) => seed),
      description: "of stream order and shuffled tokens",
    },
    { name: "percentile", type: "float64", values: rows.map((row) => row.percentile), description: "p, 0..100" },
    { name: "layer", type: "int32", values: rows.map(({ layer }) => layer), description: "block whose output is read" },
    { name: "regions", type: "int32", values: rows.map(({ sizes, i }) => sizes[i]), description: "of the dictionary" },
    { name: "tokens", type: "int32", values: rows.map(({ tokens }) => tokens), description: "that were followed" },
    {
      name: "agreement_shuffled",
      values: rows.map(({ agreement, i }) => agreement[i]),
      description: "share of tokens in the same region when their prompt's tokens are shuffled",
    },
    {
      name: "agreement_chance",
      values: rows.map(({ chance, i }) => chance[i]),
      description: "share of all pairs of tokens that are in one region",
    },
  ];
}

/** A row a seed, percentile and step from one layer to the next. */
export function stepColumns(measured: readonly PathsMeasured[]): TableColumn[] {
  const rows = measured.flatMap((row) => row.together.map(({ stay, chance }, i) => ({ ...row, stay, chance, i })));
  return [
    {
      name: "seed",
      type: "int32",
      values: rows.map(({ seed }) => seed),
      description: "of stream order and shuffled tokens",
    },
    { name: "percentile", type: "float64", values: rows.map((row) => row.percentile), description: "p, 0..100" },
    { name: "from", type: "int32", values: rows.map(({ layers, i }) => layers[i]), description: "block that is left" },
    {
      name: "to",
      type: "int32",
      values: rows.map(({ layers, i }) => layers[i + 1]),
      description: "block that is entered",
    },
    {
      name: "stay",
      type: "float64",
      values: rows.map(({ stay }) => stay),
      description: "pairs of one region that stay in one",
    },
    {
      name: "stay_shuffled",
      type: "float64",
      values: rows.map(({ togetherShuffled, i }) => togetherShuffled[i].stay),
      description: "the same of shuffled tokens",
    },
    {
      name: "stay_chance",
      type: "float64",
      values: rows.map(({ chance }) => chance),
      description: "share of all pairs that are in one region of the next block",
    },
  ];
}
