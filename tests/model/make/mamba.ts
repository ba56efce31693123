/** Mamba 2's decoder: no attention anywhere, one sum a block, a cache of states only. */
import { type Block, BLOCKS, configOf, decoder, EPSILON, fedMask, type Made, rmsNorm, tokenInputs } from "./layers.ts";
import { mamba, MAMBA_FIELDS, mambaOf } from "./mamba_layer.ts";
import { Net } from "./net.ts";
import { plus, rmsNormOf } from "./plain.ts";

const PATHS = { embed: "/backbone/embeddings", norm: "/backbone/norm_f", head: "/lm_head" };

/** `type`: the family in config.json; transformers.js knows caches of this kind as Granite's only. */
export function mambaAlone(type: string, architecture: string): Made {
  const net = new Net();
  tokenInputs(net);
  const fed = fedMask(net, "/backbone");
  const block: Block = {
    graph(x, layer) {
      const path = `/backbone/layers.${layer}`;
      const mixed = mamba(net, `${path}/mixer`, rmsNorm(net, `${path}/norm`, x), layer, fed);
      return net.op("Add", path, [x, mixed]);
    },
    plain(x, layer) {
      const path = `/backbone/layers.${layer}`;
      const attnOut = mambaOf(net, `${path}/mixer`, rmsNormOf(net, `${path}/norm`, x, EPSILON));
      return { attnOut, stream: plus(x, attnOut) };
    },
  };
  const expected = decoder(net, Array(BLOCKS).fill(block), PATHS);
  const config = configOf(type, architecture, { ...MAMBA_FIELDS, layer_types: Array(BLOCKS).fill("mamba") });
  return { bytes: net.bytes(), config, expected };
}
