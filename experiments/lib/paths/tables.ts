/** The tables of an experiment on paths, column by column. */
import { numberColumn as number, type TableColumn, wholeColumn as whole } from "../../../src/report/mod.ts";
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
    whole("position", rows.map((row) => row.position), "of the token; <bos> is 0"),
    whole("id", rows.map(({ id }) => id), "of the token"),
    { name: "token", values: rows.map(({ text }) => text), description: "its text" },
    whole("layer", rows.map(({ layer }) => layer), "block that is read, at the hook of the run"),
    whole("region", rows.map(({ region }) => region), "of that layer's dictionary"),
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
    whole("seed", rows.map(({ seed }) => seed), "of stream order and shuffled tokens"),
    number("percentile", rows.map((row) => row.percentile), "p, 0..100"),
    whole("layer", rows.map(({ layer }) => layer), "block that is read, at the hook of the run"),
    whole("regions", rows.map(({ sizes, i }) => sizes[i]), "of the dictionary"),
    whole("tokens", rows.map(({ tokens }) => tokens), "that were followed"),
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
    whole("seed", rows.map(({ seed }) => seed), "of stream order and shuffled tokens"),
    number("percentile", rows.map((row) => row.percentile), "p, 0..100"),
    whole("from", rows.map(({ layers, i }) => layers[i]), "block that is left"),
    whole("to", rows.map(({ layers, i }) => layers[i + 1]), "block that is entered"),
    number("stay", rows.map(({ stay }) => stay), "pairs of one region that stay in one"),
    number(
      "stay_shuffled",
      rows.map(({ togetherShuffled, i }) => togetherShuffled[i].stay),
      "the same of shuffled tokens",
    ),
    number(
      "stay_chance",
      rows.map(({ chance }) => chance),
      "share of all pairs that are in one region of the next block",
    ),
  ];
}
