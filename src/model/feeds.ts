/** What the graphs of language models are fed. */
import type { OrtRuntime, Tensor } from "../compute/ort.ts";
import type { Edit } from "./edits.ts";
import type { CacheInput, GraphInterface, TensorMetadata } from "./interface.ts";
import { hookInputs } from "./intervene.ts";
import { positionsOf, realTokens, type TokenBatch } from "./tokens.ts";

type Feeds = Record<string, Tensor>;

/**
 * Feeds for tokens, and for the cache before them.
 *
 * @param names The inputs to feed, of those that `graph` has.
 * @param firstPosition Number that the model's position ids start at.
 * @param cache What the last step left; absent at a text's beginning.
 */
export function tokenFeeds(
  ort: OrtRuntime,
  { inputs, caches }: GraphInterface,
  names: readonly string[],
  tokens: TokenBatch,
  firstPosition: number,
  cache?: Feeds,
): Feeds {
  const wanted = new Set(names);
  const feeds: Feeds = {};
  for (const input of caches) {
    if (wanted.has(input.name)) feeds[input.name] = cache?.[input.name] ?? emptyCache(ort, input, tokens.batch);
  }
  for (const input of inputs) {
    if (wanted.has(input.name) && !(input.name in feeds)) {
      feeds[input.name] = tokenFeed(ort, input, tokens, firstPosition);
    }
  }
  return feeds;
}

function emptyCache(ort: OrtRuntime, { type, empty }: CacheInput, batch: number): Tensor {
  const dims = empty(batch);
  return numbers(ort, type, new Array(dims.reduce((product, size) => product * size, 1)).fill(0), dims);
}

function tokenFeed(ort: OrtRuntime, input: TensorMetadata, tokens: TokenBatch, firstPosition: number): Tensor {
  const { batch, width, total, mask } = tokens;
  const { name, type, shape } = input;
  const each = (values: ArrayLike<number | bigint>, dims = [batch, width]) => numbers(ort, type, values, dims);
  switch (name) {
    case "input_ids":
      return each(tokens.ids);
    case "attention_mask":
      return each(mask, [batch, total]);
    case "position_ids": {
      const positions = positionsOf(tokens).map((position) => position + firstPosition);
      // Three rows, of time, height and width, are the same for text.
      const rows = shape.length === 3 ? Number(shape[0]) || 3 : 1;
      const all = Array.from({ length: rows }, () => [...positions]).flat();
      return each(all, shape.length === 3 ? [rows, batch, width] : [batch, width]);
    }
    case "cache_position":
      return each(Array.from({ length: width }, (_, i) => total - width + i), [width]);
    case "token_type_ids":
      return each(new Uint8Array(batch * width));
    case "seqlens_k":
      // onnxruntime's GroupQueryAttention takes a row's tokens less one.
      return each(Array.from({ length: batch }, (_, row) => count(mask.subarray(row * total, (row + 1) * total)) - 1), [
        ...shape.length === 2 ? [batch, 1] : [batch],
      ]);
    default: {
      // 0 logits to keep keeps all.
      const value = /^past/.test(name) ? total - width : /^total/.test(name) ? total : 0;
      return each([value], shape.map(() => 1));
    }
  }
}

function count(mask: BigInt64Array): number {
  return mask.reduce((sum, value) => sum + Number(value), 0);
}

const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  int32: Int32Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const;

/** A tensor of whole numbers, of any type that graphs read them in. Half precision: zeros only. */
function numbers(
  ort: OrtRuntime,
  type: TensorMetadata["type"],
  values: ArrayLike<number | bigint>,
  dims: readonly number[],
): Tensor {
  if (values instanceof BigInt64Array && type === "int64") return new ort.Tensor(type, values, dims);
  if (type === "int64") return new ort.Tensor(type, BigInt64Array.from(Array.from(values, BigInt)), dims);
  return new ort.Tensor(type, ARRAYS[type].from(Array.from(values, Number)), dims);
}

/** Feeds for hooks. */
export function hookFeeds(ort: OrtRuntime, edits: readonly Edit[], tokens: TokenBatch): Feeds {
  const { batch, width } = tokens;
  const real = realTokens(tokens);
  const feeds: Feeds = {};
  for (const edit of edits) {
    const names = hookInputs(edit.key);
    if (edit.edits) {
      feeds[names.gate] = new ort.Tensor("bool", real, [batch, width, 1]);
      feeds[names.center] = new ort.Tensor("float32", edit.center, [edit.dim]);
      feeds[names.basis] = new ort.Tensor("float32", edit.basis, [edit.dim, edit.rank]);
      feeds[names.offset] = new ort.Tensor("float32", edit.offset, [edit.dim]);
    }
    if (edit.replaces) {
      const { gate, values } = replacedRows(edit, tokens, real);
      feeds[names.replaced] = new ort.Tensor("bool", gate, [batch, width, 1]);
      feeds[names.replacement] = new ort.Tensor("float32", values, [batch, width, edit.dim]);
    }
  }
  return feeds;
}

/** Which of the tokens fed are replaced, and by what. */
function replacedRows({ dim, replacements }: Edit, tokens: TokenBatch, real: Uint8Array) {
  const { batch, width, prompts } = tokens;
  const places = positionsOf(tokens);
  const gate = new Uint8Array(batch * width);
  const values = new Float32Array(batch * width * dim);
  for (const { positions, values: given } of replacements) {
    for (let row = 0; row < batch; row++) {
      const { number, length } = prompts[row];
      for (const [i, position] of positions.entries()) {
        // Of the prompt, not of the text so far: -1 stays the prompt's last token while text grows behind it.
        const wanted = position < 0 ? length + position : position;
        // One vector for all, one a position, or one a prompt and position.
        const from = given.length === dim
          ? 0
          : given.length === positions.length * dim
          ? i
          : number * positions.length + i;
        for (let index = row * width; index < (row + 1) * width; index++) {
          // With a cache only new tokens are fed after the first step: earlier positions were replaced then, and it
          // remembers.
          if (!real[index] || places[index] !== wanted) continue;
          gate[index] = 1;
          values.set(given.subarray(from * dim, (from + 1) * dim), index * dim);
        }
      }
    }
  }
  return { gate, values };
}
