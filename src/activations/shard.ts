/**
 * One published batch as two Arrow tables. `activations` has a row an activation: `prompt` (a row of the other table),
 * `position`, `token`, the token in its surroundings (`before`, `text`, `after`), and a column `layer_L` of vectors for
 * each layer. `prompts` has a row a prompt: `prompt`, `id`, `text`, `start`, `continues`, `truncated` (see {@linkcode Prompt}), and
 * `tokens`, a list of token ids.
 */
import {
  arrowTable,
  booleanColumn,
  booleansOf,
  type Column,
  columnOf,
  fixedSizeListColumn,
  fixedSizeListsOf,
  float64Of,
  int32Of,
  listColumn,
  listsOf,
  numberColumn,
  stringColumn,
  stringsOf,
  type Table,
} from "../files/arrow.ts";
import type { Provenance } from "./batch.ts";
import { type Excerpt, type Prompt, promptOf, type PromptPlace } from "./prompt.ts";

/** The contents of one shard. */
export interface Shard {
  /** `rows x dim` by layer. */
  readonly layers: ReadonlyMap<number, Float32Array<ArrayBuffer>>;
  readonly provenance: Provenance;
}

/** The two tables of a shard. */
export interface ShardTables {
  readonly activations: Table;
  readonly prompts: Table;
}

type Metadata = Readonly<Record<string, string>>;

/** Makes the tables of a shard; values and provenance are not copied. */
export function shardTables({ layers, provenance }: Shard, dim: number, metadata: Metadata): ShardTables {
  const { prompts, prompt, position, token } = provenance;
  const excerpts = Array.from(prompt, (index, row) => prompts[index].excerpt(position[row]));
  const vectors = Object.fromEntries(
    layers.entries().map(([layer, data]): [string, Column] => [`layer_${layer}`, fixedSizeListColumn(data, dim)]),
  );
  const activations = arrowTable({
    prompt: numberColumn(prompt),
    position: numberColumn(position),
    token: numberColumn(token),
    before: stringColumn(excerpts.map(({ before }) => before)),
    text: stringColumn(excerpts.map(({ token }) => token)),
    after: stringColumn(excerpts.map(({ after }) => after)),
    ...vectors,
  }, { metadata, fieldMetadata: descriptionsOf(layers.keys()) });

  const offsets = new Int32Array(prompts.length + 1);
  prompts.forEach(({ tokens }, i) => offsets[i + 1] = offsets[i] + tokens.length);
  const tokens = new Int32Array(offsets[prompts.length]);
  prompts.forEach((prompt, i) => tokens.set(prompt.tokens, offsets[i]));
  return {
    activations,
    prompts: arrowTable({
      prompt: numberColumn(Int32Array.from(prompts.keys())),
      id: stringColumn(prompts.map(({ id }) => id)),
      text: numberColumn(Float64Array.from(prompts, ({ text }) => text)),
      start: numberColumn(Int32Array.from(prompts, ({ start = 0 }) => start)),
      continues: booleanColumn(prompts.map(({ continues = false }) => continues)),
      truncated: booleanColumn(prompts.map(({ truncated = false }) => truncated)),
      tokens: listColumn(offsets, numberColumn(tokens)),
    }, { metadata, fieldMetadata: PROMPT_COLUMNS }),
  };
}

/** What the fields' metadata say of the columns, as those of result tables do. */
const ACTIVATION_COLUMNS = {
  prompt: { description: "number of the prompt in the shard's table of prompts" },
  position: { description: "token position in the prompt" },
  token: { description: "token id" },
  before: { description: "text before the token" },
  text: { description: "text of the token" },
  after: { description: "text after the token" },
};
const PROMPT_COLUMNS = {
  prompt: { description: "number of the prompt in the shard" },
  id: { description: "identifier of its text in the corpus" },
  text: { description: "number of its text in the stream" },
  start: { description: "where in its text it begins: position p is token start + p" },
  continues: { description: "whether another window of its text comes further on" },
  truncated: { description: "whether it was cut, and the rest of its text is in no prompt" },
  tokens: { description: "token ids, those without an activation too" },
};

function descriptionsOf(layers: Iterable<number>): Record<string, { description: string }> {
  const vectors = Array.from(layers, (layer) => [`layer_${layer}`, { description: `activation of layer ${layer}` }]);
  return { ...ACTIVATION_COLUMNS, ...Object.fromEntries(vectors) };
}

/**
 * Reads the tables of a shard.
 *
 * @param layers Layers to read.
 * @param dim Length that an activation must have.
 * @param promptsBefore Prompts of the stream before the shard; default 0.
 * @throws {Error} if a column is missing or holds something else.
 */
export function readShardTables(
  tables: ShardTables,
  layers: readonly number[],
  dim: number,
  promptsBefore = 0,
): Shard {
  const [activations, table] = [tables.activations, tables.prompts];
  const column = (name: string) => columnOf(activations, name);
  const prompt = int32Of(column("prompt"));
  const position = int32Of(column("position"));
  const [before, text, after] = ["before", "text", "after"].map((name) => stringsOf(column(name)));

  const ids = stringsOf(columnOf(table, "id"));
  const places = placesOf(table, promptsBefore);
  const { offsets, child } = listsOf(columnOf(table, "tokens"));
  const tokens = int32Of(child);
  let row = 0;
  const prompts = ids.map((id, i) => {
    const first = row;
    // Rows are in the order of their prompts (see layOut), so one walk parts them.
    while (prompt[row] === i) row++;
    const excerpts = new Map<number, Excerpt>();
    for (let r = first; r < row; r++) {
      excerpts.set(position[r], { before: before[r], token: text[r], after: after[r] });
    }
    return cachedPrompt({ id, ...places(i) }, tokens.slice(offsets[i], offsets[i + 1]), excerpts);
  });
  if (row !== prompt.length) {
    throw new Error(`Expected rows in the order of ${ids.length} prompts but row ${row} is of prompt ${prompt[row]}`);
  }

  const vectors = new Map(layers.map((layer) => {
    const lists = fixedSizeListsOf(column(`layer_${layer}`));
    if (lists.dim === dim) return [layer, lists.values];
    throw new Error(`Expected activations of length ${dim} in layer_${layer} but found ${lists.dim}`);
  }));
  return { layers: vectors, provenance: { prompts, prompt, position, token: int32Of(column("token")) } };
}

/** Which text each prompt is of, and what of it. */
function placesOf(prompts: Table, promptsBefore: number): (i: number) => Omit<PromptPlace, "id"> {
  // In shards that do not say it every text is one prompt.
  if (!prompts.getChild("text")) return (i) => ({ text: promptsBefore + i });
  const [text, start] = [float64Of(columnOf(prompts, "text")), int32Of(columnOf(prompts, "start"))];
  const [continues, truncated] = ["continues", "truncated"].map((name) => booleansOf(columnOf(prompts, name)));
  return (i) => ({ text: text[i], start: start[i], continues: continues[i], truncated: truncated[i] });
}

/** A prompt with the excerpts that were written. */
function cachedPrompt(
  place: PromptPlace,
  tokens: Int32Array<ArrayBuffer>,
  excerpts: ReadonlyMap<number, Excerpt>,
): Prompt {
  return promptOf(place, tokens, (position) => {
    const excerpt = excerpts.get(position);
    if (excerpt) return excerpt;
    throw new RangeError(
      `Expected a position of prompt "${place.id}" that has an activation but found ${position}: the cache holds no ` +
        `text for the others`,
    );
  });
}
