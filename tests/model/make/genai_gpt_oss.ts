/**
 * gpt-oss as onnxruntime-genai's builder writes it: GroupQueryAttention with a sink a head and, in every other block, a
 * window; the mixture of experts is one operator, MoE, which reads the router's logits.
 */
import { genaiDecoder, genaiPaths, GROUPED, groupQuery, microsoft, moduleWeight } from "./genai.ts";
import { type Block, BLOCKS, decoderOf, DIM, INNER, linear, type Made } from "./layers.ts";
import { Net } from "./net.ts";
import { ALPHA, CHOSEN, EXPERTS, gptOssBlockOf, gptOssConfig, LIMIT, WINDOW } from "./gpt_oss_plain.ts";

const NAMES = { attention: "attn", mlp: "moe" };

export function genaiGptOss(): Made {
  const net = new Net("builder");
  const { heads, keyHeads, headDim } = GROUPED;
  const attention = Array.from(
    { length: BLOCKS },
    (_, layer) => (x: string, _: number, mask: Parameters<typeof groupQuery>[3]) => {
      const path = `/model/layers.${layer}/attn`;
      const qkv = [["q_proj", heads], ["k_proj", keyHeads], ["v_proj", keyHeads]] as const;
      const projected = qkv.map(([name, count]) => linear(net, `${path}/${name}`, x, count * headDim, DIM, true));
      const sinks = moduleWeight(net, `${path}/sinks`, [heads], 1, 0.5);
      const shape = { ...GROUPED, window: layer % 2 ? undefined : WINDOW };
      return linear(
        net,
        `${path}/o_proj`,
        groupQuery(net, layer, projected, mask, shape, sinks),
        DIM,
        heads * headDim,
        true,
      );
    },
  );
  genaiDecoder(net, attention, (x, layer) => mixture(net, `/model/layers.${layer}/moe`, x));
  const block: Pick<Block, "plain"> = { plain: (x, layer) => gptOssBlockOf(net, layer, x, NAMES, GROUPED) };
  const expected = decoderOf(net, Array(BLOCKS).fill(block), genaiPaths(BLOCKS));
  return { bytes: net.bytes(), config: gptOssConfig(GROUPED), expected };
}

/** The operator takes its matrices turned. */
function mixture(net: Net, path: string, x: string): string {
  const logits = linear(net, `${path}/router`, x, EXPERTS, DIM, true);
  const rows = net.op("Reshape", `${path}/router`, [logits, net.ints(path, [-1, EXPERTS])]);
  const weights = ([["gate_up_proj", DIM, 2 * INNER], ["down_proj", INNER, DIM]] as const).flatMap(
    ([name, from, to]) => {
      const key = `${path}/experts/${name}`;
      return [net.turnedWeight(key, [EXPERTS, from, to], 0.6), moduleWeight(net, `${key}_bias`, [EXPERTS, to], 0.3)];
    },
  );
  return microsoft(net, "MoE", path, [x, rows, ...weights], {
    k: BigInt(CHOSEN),
    activation_type: "swiglu",
    activation_alpha: ALPHA,
    activation_beta: 1,
    normalize_routing_weights: 1n,
    swiglu_fusion: 1n,
    swiglu_limit: LIMIT,
  });
}
