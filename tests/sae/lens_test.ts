import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Random, type SparseFeatures } from "../../src/compute/mod.ts";
import { float32Tensor, type Tensor, writeSafetensors } from "../../src/files/mod.ts";
import { readSae, SaeError } from "../../src/sae/mod.ts";
import { parseSaeLensConfig } from "../../src/sae/lens_config.ts";
import { backendTest } from "../lib/backends.ts";
import { inFolder } from "../lib/folder.ts";
import { assertSentence } from "../lib/sentence.ts";

const [DIM, SIZE, ROWS] = [13, 90, 40];

type Config = Record<string, unknown>;
type Arrays = Record<"W_enc" | "b_enc" | "W_dec" | "b_dec" | "threshold" | "scaling_factor", Float32Array<ArrayBuffer>>;

function arrays(): Arrays {
  const random = new Random(11);
  const normals = (length: number, scale = 1) => Float32Array.from({ length }, () => scale * random.normal());
  return {
    W_enc: normals(DIM * SIZE),
    b_enc: normals(SIZE),
    W_dec: normals(SIZE * DIM),
    b_dec: normals(DIM, 2),
    threshold: normals(SIZE),
    scaling_factor: Float32Array.from({ length: SIZE }, () => 0.5 + random.next()),
  };
}

async function write(folder: string, config: unknown, weights: Partial<Arrays>): Promise<void> {
  const shapes: Record<string, number[]> = { W_enc: [DIM, SIZE], W_dec: [SIZE, DIM], b_dec: [DIM] };
  const tensors = Object.entries(weights).map(([name, data]): [string, Tensor] => [
    name,
    float32Tensor(data, shapes[name] ?? [data.length]),
  ]);
  await writeSafetensors(`${folder}/sae_weights.safetensors`, new Map(tensors));
  await Deno.writeTextFile(`${folder}/cfg.json`, JSON.stringify(config));
}

/** SAELens's forward pass step by step, in float64, dense and without anything folded. */
function forward(x: Float32Array, weights: Arrays, config: Config): { acts: Float64Array; out: Float64Array } {
  const { W_enc, b_enc, W_dec, b_dec, threshold, scaling_factor } = weights;
  const norms = Array.from({ length: SIZE }, (_, f) => Math.hypot(...W_dec.subarray(f * DIM, (f + 1) * DIM)));
  const isTopK = config.architecture === "topk" || (config.activation_fn_str ?? config.activation_fn) === "topk";
  const k = Number((config.activation_fn_kwargs as Config | undefined)?.k ?? config.k);
  const [acts, out] = [new Float64Array(ROWS * SIZE), new Float64Array(ROWS * DIM)];
  for (let row = 0; row < ROWS; row++) {
    const pre = Array.from({ length: SIZE }, (_, f) => {
      let value = b_enc[f];
      for (let d = 0; d < DIM; d++) {
        value += (x[row * DIM + d] - (config.apply_b_dec_to_input === false ? 0 : b_dec[d])) * W_enc[d * SIZE + f];
      }
      return config.rescale_acts_by_decoder_norm ? value * norms[f] : value;
    });
    const limit = isTopK ? pre.toSorted((a, b) => b - a)[k - 1] : -Infinity;
    pre.forEach((value, f) => {
      const passes = value >= limit && (config.architecture !== "jumprelu" || value > threshold[f]);
      acts[row * SIZE + f] = passes ? Math.max(0, value) : 0;
    });
    for (let d = 0; d < DIM; d++) {
      let sum = b_dec[d];
      for (let f = 0; f < SIZE; f++) {
        let value = acts[row * SIZE + f];
        if (config.finetuning_scaling_factor) value *= scaling_factor[f];
        if (config.rescale_acts_by_decoder_norm) value /= norms[f];
        sum += value * W_dec[f * DIM + d];
      }
      out[row * DIM + d] = sum;
    }
  }
  return { acts, out };
}

function dense({ rows, size, offsets, features, values }: SparseFeatures): Float32Array {
  const result = new Float32Array(rows * size);
  for (let row = 0; row < rows; row++) {
    for (let i = offsets[row]; i < offsets[row + 1]; i++) result[row * size + features[i]] = values[i];
  }
  return result;
}

const CONFIGS: Record<string, Config> = {
  "standard, nothing told but the lengths": {},
  "standard, b_dec left in": { architecture: "standard", apply_b_dec_to_input: false },
  "standard, finetuned": { activation_fn_str: "relu", finetuning_scaling_factor: true },
  "standard of generation 6": { architecture: "standard", metadata: { sae_lens_version: "6.1.0" }, k: 3 },
  "jumprelu": { architecture: "jumprelu", activation_fn_str: "relu", activation_fn_kwargs: {} },
  "jumprelu, b_dec left in, finetuned": {
    architecture: "jumprelu",
    apply_b_dec_to_input: false,
    finetuning_scaling_factor: true,
  },
  "topk of generation 6": { architecture: "topk", k: 7 },
  "topk, b_dec left in": { architecture: "topk", k: 1, apply_b_dec_to_input: false },
  "topk by decoder norm": { architecture: "topk", k: 7, rescale_acts_by_decoder_norm: true },
  "topk by decoder norm, finetuned": {
    architecture: "topk",
    k: 5,
    rescale_acts_by_decoder_norm: true,
    finetuning_scaling_factor: true,
  },
  "topk so wide that negative values are among the largest": { architecture: "topk", k: SIZE },
  "topk as an activation function of generation 3": {
    architecture: "standard",
    activation_fn_str: "topk",
    activation_fn_kwargs: { k: 9 },
  },
  "topk as an activation function of generation 2": { activation_fn: "topk", activation_fn_kwargs: { k: 4 } },
};

backendTest("SAELens: every architecture and option gives the numbers of its own forward pass", async (backend) => {
  const random = new Random(5);
  const x = Float32Array.from({ length: ROWS * DIM }, () => 3 * random.normal());
  for (const [name, config] of Object.entries(CONFIGS)) {
    await inFolder(async (folder) => {
      const weights = arrays();
      const expected = forward(x, weights, config);
      const { threshold, scaling_factor, ...common } = weights;
      await write(folder, { d_in: DIM, d_sae: SIZE, normalize_activations: "none", ...config }, {
        ...common,
        ...(config.architecture === "jumprelu" ? { threshold } : {}),
        ...(config.finetuning_scaling_factor ? { scaling_factor } : {}),
      });
      using sae = await readSae(folder, { backend });
      const features = await sae.encode({ rows: ROWS, dim: DIM, data: x });
      const acts = dense(features);
      assert(expected.acts.some((value) => value > 0), name);
      acts.forEach((value, i) => assertAlmostEquals(value, expected.acts[i], 2e-4, `${name}, ${i}`));
      const out = await sae.decode(features);
      out.forEach((value, i) => assertAlmostEquals(value, expected.out[i], 2e-3, `${name}, ${i}`));
    });
  }
});

Deno.test("SAELens: what the configuration of each generation says of model and hook point", () => {
  const source = (config: unknown) => parseSaeLensConfig(JSON.stringify(config), "cfg.json").source;
  const base = {
    model: "gpt2-small",
    hook: "blocks.8.hook_resid_pre",
    hookPoint: { layer: 7, at: "resid_post" },
    layer: 7,
  };
  assertEquals(source({ model_name: "gpt2-small", hook_point: "blocks.8.hook_resid_pre", hook_point_layer: 8 }), base);
  assertEquals(source({ model_name: "gpt2-small", hook_name: "blocks.8.hook_resid_pre", hook_layer: 8 }), base);
  for (const key of ["meta", "metadata"]) {
    assertEquals(source({ [key]: { model_name: "gemma-2-2b", hook_name: "blocks.12.hook_resid_post" } }), {
      model: "gemma-2-2b",
      hook: "blocks.12.hook_resid_post",
      hookPoint: { layer: 12, at: "resid_post" },
      layer: 12,
    });
  }
  const hooks: [Record<string, unknown>, ReturnType<typeof source>["hookPoint"]][] = [
    [{ hook_name: "blocks.0.hook_resid_pre" }, { layer: 0, at: "resid_pre" }],
    [{ hook_name: "blocks.5.hook_mlp_out", hook_layer: 5 }, { layer: 5, at: "mlp_out" }],
    [{ hook_name: "blocks.5.hook_attn_out", hook_head_index: null }, { layer: 5, at: "attn_out" }],
    [{ hook_point: "blocks.{layer}.hook_mlp_out", hook_point_layer: 9 }, { layer: 9, at: "mlp_out" }],
    [{ metadata: { hook_name: "blocks.2.hook_out" } }, { layer: 2, at: "resid_post" }],
    [{ metadata: { hook_name: "model.layers.3.mlp" } }, { layer: 3, at: "mlp_out" }],
    [{ metadata: { hook_name: "model.layers.4" } }, { layer: 4, at: "resid_post" }],
    [{ hook_name: "blocks.4.attn.hook_z" }, { layer: 4, at: "z" }],
    [{ hook_name: "blocks.4.attn.hook_z", reshape_activations: "hook_z" }, { layer: 4, at: "z" }],
    [{ hook_name: "blocks.4.attn.hook_z", hook_head_index: 3 }, undefined],
    [{ hook_name: "blocks.4.mlp.hook_post" }, undefined],
  ];
  for (const [config, point] of hooks) {
    assertEquals(source(config).hookPoint, point, JSON.stringify(config));
    assertEquals(source(config).layer, point?.at === "resid_post" ? point.layer : undefined, JSON.stringify(config));
  }
  assertEquals(source({}), {});
});

Deno.test("SAELens: what would change the numbers and is not built is refused", () => {
  const refused: [unknown, string][] = [
    [{ architecture: "temporal" }, '"temporal"'],
    [{ architecture: "matching_pursuit" }, '"matching_pursuit"'],
    [{ activation_fn_str: "tanh-relu" }, '"tanh-relu"'],
    [{ architecture: "jumprelu", activation_fn: "topk", k: 3 }, "jumprelu and top-k"],
    [{ normalize_activations: true }, "expected_average_only_in"],
    [{ normalize_activations: "expected_average_only_in" }, "fold_activation_norm_scaling_factor"],
    [{ normalize_activations: "covariance_whitening" }, "covariance_whitening"],
    [{ reshape_activations: "hook_z" }, "hook_z"],
    [{ reshape_activations: "hook_z", hook_name: "blocks.4.hook_attn_out" }, "hook_z"],
    [{ reshape_activations: "hook_z", hook_name: "blocks.4.attn.hook_z", hook_head_index: 3 }, "hook_z"],
    [{ reshape_activations: "other", hook_name: "blocks.4.attn.hook_z" }, '"other"'],
    [{ rescale_acts_by_decoder_norm: true }, "rescale_acts_by_decoder_norm"],
    [{ architecture: "topk" }, "k of cfg.json"],
    [{ architecture: "topk", k: 0 }, "found 0"],
    [{ architecture: "topk", k: 2.5 }, "found 2.5"],
    [{ apply_b_dec_to_input: "yes" }, "apply_b_dec_to_input"],
    [{ d_in: -3 }, "d_in"],
    [[], "JSON object"],
    [null, "JSON object"],
  ];
  for (const [config, part] of refused) {
    assertSentence(assertThrows(() => parseSaeLensConfig(JSON.stringify(config), "cfg.json"), SaeError), part);
  }
  assertSentence(assertThrows(() => parseSaeLensConfig("{", "cfg.json"), SaeError), "not JSON");
  assertEquals(parseSaeLensConfig('{"normalize_activations": false}', "cfg.json").architecture, "standard");
  assertEquals(parseSaeLensConfig('{"normalize_activations": null, "d_in": 4}', "cfg.json").dim, 4);
});

Deno.test("SAELens: weights that do not fit their configuration are refused", () =>
  inFolder(async (folder) => {
    const { threshold, scaling_factor, ...common } = arrays();
    const rejects = async (config: Config, weights: Partial<Arrays>, part: string) => {
      await write(folder, config, weights);
      assertSentence(await assertRejects(() => readSae(folder, { backend: "cpu" }), Error), part);
    };
    await rejects({ d_in: DIM + 1 }, common, `d_in ${DIM + 1}`);
    await rejects({ d_sae: SIZE - 1 }, common, `d_sae ${SIZE - 1}`);
    await rejects({ architecture: "topk", k: SIZE + 1 }, common, `at most ${SIZE}`);
    await rejects({ architecture: "jumprelu" }, common, "threshold");
    await rejects({}, { ...common, scaling_factor }, "finetuning_scaling_factor");
    await rejects({}, { ...common, b_enc: new Float32Array(SIZE).fill(NaN) }, "finite");
    const ones = { ...common, scaling_factor: new Float32Array(SIZE).fill(1) };
    await write(folder, { architecture: "standard" }, ones);
    (await readSae(folder, { backend: "cpu" })).dispose();
    await write(folder, { architecture: "jumprelu" }, { ...common, threshold });
    await Deno.remove(`${folder}/sae_weights.safetensors`);
    assertSentence(await assertRejects(() => readSae(folder, { backend: "cpu" }), Error), "no such file");
  }));
