/** Inputs for the graphs of language models. */
import type { OrtRuntime, Tensor } from "../compute/ort.ts";
import type { Edit } from "./edits.ts";
import { hookInputs } from "./intervene.ts";
import type { TensorMetadata } from "./model_file.ts";
import type { TokenBatch } from "./tokens.ts";

type Feeds = Record<string, Tensor>;

/**
 * Feeds for a prompt batch that is read from its beginning, with an empty cache.
 *
 * @param firstPosition Number that the model's position ids start at.
 * @throws {Error} if the graph has an input that no language model is known to have.
 */
export function promptFeeds(
  ort: OrtRuntime,
  inputs: readonly TensorMetadata[],
  tokens: TokenBatch,
  firstPosition: number,
): Feeds {
  const { batch, width } = tokens;
  const int64 = (data: BigInt64Array, dims: number[]) => new ort.Tensor("int64", data, dims);
  const feeds: Feeds = {};
  for (const { name, type, shape } of inputs) {
    if (name === "input_ids") feeds[name] = int64(tokens.ids, [batch, width]);
    else if (name === "attention_mask") feeds[name] = int64(tokens.mask, [batch, width]);
    else if (name === "position_ids") {
      const positions = BigInt64Array.from(tokens.ids, (_, i) => BigInt(firstPosition + i % width));
      feeds[name] = int64(positions, [batch, width]);
    } else if (name === "num_logits_to_keep") feeds[name] = int64(new BigInt64Array(1), []); // 0 keeps all.
    else if (/^past(_key_values)?\b/.test(name)) {
      // The dynamic sizes of a cache are the batch and the number of tokens in it, which is none.
      const dims = shape.map((size) => typeof size === "number" ? size : /batch/.test(size) ? batch : 0);
      const data = type === "float16" ? new Uint16Array(0) : new Float32Array(0);
      feeds[name] = new ort.Tensor(type, data, dims);
    } else {
      throw new Error(
        `Expected a graph that reads token ids, masks, positions and a cache but it also reads "${name}": ` +
          "use an ONNX export of a decoder-only language model",
      );
    }
  }
  return feeds;
}

/**
 * Feeds for the hooks at the edited layers.
 *
 * @param mask `batch x total`: 0 at padding. Its last `width` columns are those of the tokens fed.
 */
export function hookFeeds(
  ort: OrtRuntime,
  edits: ReadonlyMap<number, Edit>,
  mask: { readonly data: BigInt64Array; readonly total: number; readonly width: number },
): Feeds {
  const { data, total, width } = mask;
  const batch = data.length / total;
  const tokens = Uint8Array.from(
    { length: batch * width },
    (_, i) => Number(data[Math.floor(i / width) * total + total - width + i % width] !== 0n),
  );
  const feeds: Feeds = {};
  for (const [layer, { center, basis, rank, offset }] of edits) {
    const names = hookInputs(layer);
    feeds[names.gate] = new ort.Tensor("bool", tokens, [batch, width, 1]);
    feeds[names.center] = new ort.Tensor("float32", center, [center.length]);
    feeds[names.basis] = new ort.Tensor("float32", basis, [center.length, rank]);
    feeds[names.offset] = new ort.Tensor("float32", offset, [center.length]);
  }
  return feeds;
}
