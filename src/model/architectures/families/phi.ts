import { ModelError } from "../../error.ts";
import type { Attention } from "../spec.ts";
import { type Family, layerNorm, llamaForm, matrix, packedMlp, plainMlp, windowOf } from "./common.ts";

/** Phi 1 to 2: parallel blocks behind one norm, biases everywhere, at the head too. */
export const phi: Family = (c) => {
  c.only({ qk_layernorm: false });
  return llamaForm(c, {
    epsilonName: "layer_norm_eps",
    epsilon: 1e-5,
    actDefault: "gelu_new",
    rope: { partial: 0.5 },
    bias: { qkv: true },
    norm: layerNorm,
    norms: (path, epsilon) => ({
      attnNorm: layerNorm(`${path}.input_layernorm`, epsilon),
      mlpNorm: "attention's",
      parallel: true,
    }),
    attention: (_layer, _plain, path) => ({ output: matrix(`${path}.self_attn.dense`, true) }),
    mlp: (_layer, path, width, act) =>
      plainMlp(matrix(`${path}.mlp.fc1`, true), matrix(`${path}.mlp.fc2`, true), width, act),
    decoder: ({ norm, head }) => ({
      norm: { ...norm!, ...finalNorm(norm!.weight!) },
      head: { ...head, bias: "lm_head.bias" },
    }),
  });
};

/** Phi calls its last norm so. */
function finalNorm(weight: string) {
  const path = weight.replace(/norm\.weight$/, "final_layernorm");
  return { weight: `${path}.weight`, bias: `${path}.bias` };
}

/** Phi 3 and 4: packed matrices, and frequencies for long texts. */
export const phi3: Family = (c) => {
  const window = windowOf(c);
  const scaling = c.record("rope_parameters") ?? c.record("rope_scaling");
  if ((scaling?.rope_type ?? scaling?.type) === "yarn") {
    throw new ModelError(
      'Expected rotary positions of a phi3 model of another kind than "yarn", which its class takes for longrope: say that, or ' +
        "take an ONNX export",
    );
  }
  c.only({ full_attn_mod: 1, interpolate_factor: 1 });
  return llamaForm(c, {
    epsilon: 1e-5,
    rope: { partial: 1 },
    attention: (_layer, _plain, path): Partial<Attention> => ({
      projections: { kind: "side by side", qkv: matrix(`${path}.self_attn.qkv_proj`) },
      window,
    }),
    mlp: (_layer, path, width, act) => packedMlp(path, width, act),
  });
};
