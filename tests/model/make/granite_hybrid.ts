/**
 * Granite 4's hybrid decoder: a Mamba 2 block before one of attention, each with a feed-forward part. Branches,
 * embedding and logits are multiplied by numbers.
 */
import {
  attention,
  attentionOf,
  type Block,
  BLOCKS,
  causalMask,
  configOf,
  embedding,
  embeddingOf,
  EPSILON,
  fedMask,
  gatedMlp,
  gatedMlpOf,
  type Made,
  rmsNorm,
  tokenInputs,
  unembed,
} from "./layers.ts";
import { mamba, MAMBA_FIELDS, mambaOf } from "./mamba_layer.ts";
import { Net } from "./net.ts";
import { expectedOf, linearOf, rmsNormOf, scaled, twoSums } from "./plain.ts";

const KINDS = ["mamba", "attention"];
/** What branches, the embedding and the logits are multiplied by. */
const FACTORS = { residual: 0.5, embedding: 2, logits: 0.25 };

export function graniteHybrid(): Made {
  const net = new Net();
  tokenInputs(net);
  const block = hybridBlock(net, causalMask(net), fedMask(net));
  let x = net.op("Mul", "/model", [embedding(net, "/model/embed_tokens"), net.number("/model", FACTORS.embedding)]);
  for (let layer = 0; layer < BLOCKS; layer++) x = block.graph(x, layer);
  const normed = rmsNorm(net, "/model/norm", x);
  unembed(net, "/lm_head", net.op("Mul", "/model", [normed, net.number("/model", FACTORS.logits)]));
  const expected = expectedOf({
    embed: (token) => scaled([embeddingOf(net, "/model/embed_tokens", token)], FACTORS.embedding)[0],
    blocks: KINDS.map((_, layer) => (x) => block.plain(x, layer)),
    head: (x) => scaled(linearOf(net, "/lm_head", rmsNormOf(net, "/model/norm", [x], EPSILON)), FACTORS.logits)[0],
  });
  const config = configOf("granitemoehybrid", "GraniteMoeHybridForCausalLM", {
    ...MAMBA_FIELDS,
    layer_types: KINDS,
    residual_multiplier: FACTORS.residual,
    embedding_multiplier: FACTORS.embedding,
    logits_scaling: 1 / FACTORS.logits,
  });
  return { bytes: net.bytes(), config, expected };
}

function hybridBlock(net: Net, mask: string, fed: string): Block {
  return {
    graph(x, layer) {
      const path = `/model/layers.${layer}`;
      const add = (x: string, branch: string) =>
        net.op("Add", path, [x, net.op("Mul", path, [branch, net.number(path, FACTORS.residual)])]);
      const normed = rmsNorm(net, `${path}/input_layernorm`, x);
      const mixed = KINDS[layer] === "mamba"
        ? mamba(net, `${path}/mamba`, normed, layer, fed)
        : attention(net, `${path}/self_attn`, normed, layer, mask);
      const middle = add(x, mixed);
      return add(middle, gatedMlp(net, `${path}/shared_mlp`, rmsNorm(net, `${path}/post_attention_layernorm`, middle)));
    },
    plain(x, layer) {
      const path = `/model/layers.${layer}`;
      const mix = KINDS[layer] === "mamba" ? mambaOf : attentionOf;
      const name = KINDS[layer] === "mamba" ? "mamba" : "self_attn";
      return twoSums(
        x,
        (x) =>
          scaled(mix(net, `${path}/${name}`, rmsNormOf(net, `${path}/input_layernorm`, x, EPSILON)), FACTORS.residual),
        (x) =>
          scaled(
            gatedMlpOf(net, `${path}/shared_mlp`, rmsNormOf(net, `${path}/post_attention_layernorm`, x, EPSILON)),
            FACTORS.residual,
          ),
      );
    },
  };
}
