/** An autoencoder of every kind that SAELens has, against its forward pass in float64. */
import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { Random } from "../../src/compute/mod.ts";
import { float32Tensor, type Tensor, writeSafetensors } from "../../src/files/mod.ts";
import { readSae } from "../../src/sae/mod.ts";
import { backendTest } from "../lib/backends.ts";
import { inFolder } from "../lib/folder.ts";
import { assertSentence } from "../lib/sentence.ts";
import { dense, forward, type Pass, randomWeights, tensorsOf, type Weights } from "./forward.ts";

const [DIM, SIZE, OUT, ROWS] = [13, 70, 9, 24];

const BASE = { W_enc: [DIM, SIZE], b_enc: [SIZE], W_dec: [SIZE, DIM], b_dec: [DIM] };
const { b_enc: _, ...UNBIASED } = BASE;
const GATED = { ...UNBIASED, b_gate: [SIZE], b_mag: [SIZE], r_mag: [SIZE] };
const TRANSCODER = { W_enc: [DIM, SIZE], b_enc: [SIZE], W_dec: [SIZE, OUT], b_dec: [OUT] };
const JUMP = { threshold: [SIZE] };

/** A kind: what `cfg.json` says, the tensors beside it, and what SAELens computes then. */
interface Kind {
  readonly config: Record<string, unknown>;
  readonly shapes: Record<string, readonly number[]>;
  readonly pass: Pass;
}

const stream = { hook_name: "blocks.3.hook_resid_post" };
const centred = { ...stream, model_from_pretrained_kwargs: { center_writing_weights: true, fold_ln: false } };
const feedForward = { hook_name: "blocks.3.ln2.hook_normalized", hook_name_out: "blocks.3.hook_mlp_out" };
const takesBias = true;

const KINDS: Record<string, Kind> = {
  "gated": { config: { architecture: "gated" }, shapes: GATED, pass: { activation: "gated", takesBias } },
  "gated, b_dec left in": {
    config: { architecture: "gated", apply_b_dec_to_input: false },
    shapes: GATED,
    pass: { activation: "gated" },
  },
  "b_dec and thresholds with an axis before": {
    config: { architecture: "jumprelu" },
    shapes: { ...BASE, b_dec: [1, DIM], threshold: [1, SIZE] },
    pass: { activation: "jump", takesBias },
  },
  "batch top-k with a threshold for each": {
    config: { architecture: "batchtopk", k: 3.5 },
    shapes: { ...BASE, ...JUMP },
    pass: { activation: "jump", takesBias },
  },
  "Matryoshka with one threshold, by what features add": {
    config: {
      architecture: "matryoshka_batchtopk",
      k: 3,
      matryoshka_widths: [8, SIZE],
      rescale_acts_by_decoder_norm: true,
    },
    shapes: { ...BASE, threshold: [] },
    pass: { activation: "jump", takesBias, rescaled: true },
  },
  "batch top-k as a checkpoint of training": {
    config: { architecture: "batchtopk", k: 3.5, rescale_acts_by_decoder_norm: true },
    shapes: { ...BASE, topk_threshold: [] },
    pass: { activation: "batchtopk", k: 3.5, takesBias, rescaled: true },
  },
  "top-k by magnitude": {
    config: { architecture: "abstopk", k: 5 },
    shapes: BASE,
    pass: { activation: "abstopk", k: 5, takesBias },
  },
  "top-k by magnitude and by what features add": {
    config: { architecture: "abstopk", k: 4, rescale_acts_by_decoder_norm: true },
    shapes: BASE,
    pass: { activation: "abstopk", k: 4, takesBias, rescaled: true },
  },
  "layer norm": {
    config: { architecture: "standard", normalize_activations: "layer_norm" },
    shapes: BASE,
    pass: { takesBias, normalization: "layer_norm" },
  },
  "layer norm before top-k": {
    config: { architecture: "topk", k: 6, normalize_activations: "layer_norm" },
    shapes: BASE,
    pass: { activation: "topk", k: 6, takesBias, normalization: "layer_norm" },
  },
  "constant norm before gates": {
    config: { architecture: "gated", normalize_activations: "constant_norm_rescale" },
    shapes: GATED,
    pass: { activation: "gated", takesBias, normalization: "constant_norm_rescale" },
  },
  "a centred model": {
    config: { architecture: "standard", metadata: centred },
    shapes: BASE,
    pass: { takesBias, withoutMean: true },
  },
  "a centred model, activations normalised": {
    config: { architecture: "jumprelu", normalize_activations: "constant_norm_rescale", metadata: centred },
    shapes: { ...BASE, ...JUMP },
    pass: { activation: "jump", takesBias, withoutMean: true, normalization: "constant_norm_rescale" },
  },
  "a centred model with RMSNorm, which has nothing to centre": {
    config: { architecture: "standard", metadata: { ...centred, model_name: "gemma-2-2b" } },
    shapes: BASE,
    pass: { takesBias },
  },
  "a skip connection beside an autoencoder of a centred model": {
    config: { architecture: "jumprelu", metadata: centred },
    shapes: { ...BASE, ...JUMP, W_skip: [DIM, DIM] },
    pass: { activation: "jump", takesBias, withoutMean: true },
  },
  "transcoder": { config: { architecture: "transcoder", metadata: feedForward }, shapes: TRANSCODER, pass: {} },
  "skip transcoder": {
    config: { architecture: "skip_transcoder", d_out: OUT, metadata: feedForward },
    shapes: { ...TRANSCODER, W_skip: [OUT, DIM] },
    pass: {},
  },
  "JumpReLU transcoder": {
    config: { architecture: "jumprelu_transcoder", metadata: feedForward },
    shapes: { ...TRANSCODER, ...JUMP },
    pass: { activation: "jump" },
  },
  "JumpReLU skip transcoder": {
    config: { architecture: "jumprelu_skip_transcoder", metadata: feedForward },
    shapes: { ...TRANSCODER, ...JUMP, W_skip: [OUT, DIM] },
    pass: { activation: "jump" },
  },
  "one of the first transcoders": {
    config: {
      is_transcoder: true,
      hook_point: "blocks.3.ln2.hook_normalized",
      out_hook_point: "blocks.3.hook_mlp_out",
      metadata: {},
    },
    shapes: { ...TRANSCODER, b_dec: [DIM], b_dec_out: [OUT] },
    pass: { takesBias },
  },
};

async function write(folder: string, config: Record<string, unknown>, weights: Weights): Promise<void> {
  await writeSafetensors(`${folder}/sae_weights.safetensors`, tensorsOf(weights));
  const lengths = { d_in: DIM, d_sae: SIZE };
  await Deno.writeTextFile(`${folder}/cfg.json`, JSON.stringify({ ...lengths, metadata: stream, ...config }));
}

function rowsOfX(): Float32Array<ArrayBuffer> {
  const random = new Random(5);
  return Float32Array.from({ length: ROWS * DIM }, () => 0.7 + 2 * random.normal());
}

backendTest(
  "SAELens: every kind of autoencoder and transcoder gives the numbers of its forward pass",
  async (backend) => {
    const x = rowsOfX();
    for (const [name, { config, shapes, pass }] of Object.entries(KINDS)) {
      await inFolder(async (folder) => {
        const weights = randomWeights(shapes);
        await write(folder, config, weights);
        const expected = forward(x, weights, pass);
        using sae = await readSae(folder, { backend });
        const features = await sae.encode({ rows: ROWS, dim: DIM, data: x });
        const acts = dense(features);
        assert(expected.acts.flat().some((value) => value !== 0), name);
        acts.flat().forEach((value, i) => assertAlmostEquals(value, expected.acts.flat()[i], 2e-4, `${name}, ${i}`));
        const out = await sae.decode(features);
        assertEquals(out.length, ROWS * sae.outputDim, name);
        out.forEach((value, i) => assertAlmostEquals(value, expected.out.flat()[i], 1e-3, `${name}, ${i}`));
      });
    }
  },
);

backendTest("what is done to activations shows in what comes out, by more than the tolerance", async (backend) => {
  // The passes above would prove nothing if leaving a step out gave the same.
  const x = rowsOfX();
  for (const [name, { config, shapes, pass }] of Object.entries(KINDS)) {
    const { withoutMean, normalization } = pass;
    if (!withoutMean && !normalization) continue;
    await inFolder(async (folder) => {
      const weights = randomWeights(shapes);
      await write(folder, config, weights);
      const without = forward(x, weights, { ...pass, withoutMean: false, normalization: undefined });
      using sae = await readSae(folder, { backend });
      const features = await sae.encode({ rows: ROWS, dim: DIM, data: x });
      assert(dense(features).flat().some((value, i) => Math.abs(value - without.acts.flat()[i]) > 0.1), name);
    });
  }
});

Deno.test("features that were made otherwise are decoded only where nothing of the activations is needed", () =>
  inFolder(async (folder) => {
    const data = rowsOfX();
    for (const [name, part] of [["layer norm", "layer_norm"], ["skip transcoder", "skip connection"]]) {
      const { config, shapes } = KINDS[name];
      await write(folder, config, randomWeights(shapes));
      using sae = await readSae(folder, { backend: "cpu" });
      const { undo: _, skipped: __, ...features } = await sae.encode({ rows: ROWS, dim: DIM, data });
      assertSentence(await assertRejects(() => sae.decode(features), TypeError), part, "as encode gives them");
    }
  }));

Deno.test("what SAELens's directory says of a release counts, where its files say nothing", () =>
  inFolder(async (folder) => {
    const x = rowsOfX();
    const releases: [string, Pass][] = [
      ["models--jbloom--GPT2-Small-SAEs-Reformatted/snapshots/0123/blocks.3.hook_resid_post", { withoutMean: true }],
      ["Mistral-7B-Residual-Stream-SAEs/mistral_7b_layer_8", { normalization: "constant_norm_rescale" }],
    ];
    for (const [name, pass] of releases) {
      const weights = randomWeights(BASE);
      await Deno.mkdir(`${folder}/${name}`, { recursive: true });
      await write(`${folder}/${name}`, { ...stream, metadata: {}, model_name: "toy" }, weights);
      using sae = await readSae(`${folder}/${name}`, { backend: "cpu" });
      assertEquals([sae.source.layer, sae.source.isCentred], [3, pass.withoutMean], name);
      const { acts } = forward(x, weights, { takesBias, ...pass });
      const features = dense(await sae.encode({ rows: ROWS, dim: DIM, data: x }));
      features.flat().forEach((value, i) => assertAlmostEquals(value, acts.flat()[i], 2e-4, name));
    }
  }));

Deno.test("options of the model count wherever the configuration has them, and those of its loading before others", () =>
  inFolder(async (folder) => {
    const center_writing_weights = true;
    const configs: [Record<string, unknown>, true | undefined][] = [
      [{ model_kwargs: { center_writing_weights } }, true],
      [{ model_kwargs: { center_writing_weights }, model_from_pretrained_kwargs: {} }, true],
      [{ model_kwargs: {}, model_from_pretrained_kwargs: { center_writing_weights } }, true],
      [
        { model_kwargs: { center_writing_weights }, model_from_pretrained_kwargs: { center_writing_weights: false } },
        undefined,
      ],
      [{ model_kwargs: null }, undefined],
    ];
    for (const [options, isCentred] of configs) {
      for (const config of [{ ...stream, ...options }, { metadata: { ...stream, ...options } }]) {
        await write(folder, { architecture: "standard", ...config }, randomWeights(BASE));
        using sae = await readSae(folder, { backend: "cpu" });
        assertEquals(sae.source.isCentred, isCentred, JSON.stringify(config));
      }
    }
  }));

Deno.test("a batch of no rows has no features, and nothing to decode", () =>
  inFolder(async (folder) => {
    for (const name of ["layer norm", "skip transcoder", "batch top-k as a checkpoint of training"]) {
      const { config, shapes } = KINDS[name];
      await write(folder, config, randomWeights(shapes));
      using sae = await readSae(folder, { backend: "cpu" });
      const none = await sae.encode({ rows: 0, dim: DIM, data: new Float32Array() });
      assertEquals([none.rows, none.features.length, (await sae.decode(none)).length], [0, 0, 0], name);
    }
  }));

Deno.test("a row of zeros has no norm to change, and gives finite features and an output", () =>
  inFolder(async (folder) => {
    for (const normalize_activations of ["layer_norm", "constant_norm_rescale"]) {
      await write(folder, { architecture: "standard", normalize_activations }, randomWeights(BASE));
      using sae = await readSae(folder, { backend: "cpu" });
      const features = await sae.encode({ rows: 1, dim: DIM, data: new Float32Array(DIM) });
      assert((await sae.decode(features)).every(Number.isFinite), normalize_activations);
    }
  }));

Deno.test("a row that is not finite is named where activations are normalised, too", () =>
  inFolder(async (folder) => {
    await write(folder, { architecture: "standard", normalize_activations: "layer_norm" }, randomWeights(BASE));
    using sae = await readSae(folder, { backend: "cpu" });
    const data = rowsOfX();
    data[3 * DIM] = Infinity;
    assertSentence(await assertRejects(() => sae.encode({ rows: ROWS, dim: DIM, data }), Error), "row 3");
  }));

Deno.test("a transcoder says what it reads and what it predicts, and passes for no autoencoder of the stream", () =>
  inFolder(async (folder) => {
    const mlp = { hook: "blocks.3.hook_mlp_out", hookPoint: { layer: 3, at: "mlp_out" } };
    for (const name of ["transcoder", "one of the first transcoders"]) {
      const { config, shapes } = KINDS[name];
      await write(folder, config, randomWeights(shapes));
      using sae = await readSae(folder, { backend: "cpu" });
      const { hook, hookPoint, layer, output } = sae.source;
      assertEquals([hook, hookPoint, layer], ["blocks.3.ln2.hook_normalized", undefined, undefined], name);
      assertEquals(output, mlp, name);
      assertEquals([sae.dim, sae.outputDim], [DIM, OUT], name);
    }
    await write(folder, { architecture: "transcoder", metadata: stream }, randomWeights(TRANSCODER));
    using untold = await readSae(folder, { backend: "cpu" });
    assertEquals([untold.source.layer, untold.source.output], [3, {}], "what it predicts is not told");
  }));

Deno.test("tensors and options that could change the numbers and have no place are refused by name", () =>
  inFolder(async (folder) => {
    const rejects = async (
      config: Record<string, unknown>,
      shapes: Record<string, readonly number[]>,
      ...parts: string[]
    ) => {
      await write(folder, config, randomWeights(shapes));
      const error = await assertRejects(() => readSae(folder, { backend: "cpu" }), Error);
      assertSentence(error, ...parts);
    };
    const standard = { architecture: "standard" };
    for (const name of ["b_dec_out", "r_mag", "threshold", "W_gate", "rotation", "input_scale"]) {
      await rejects(standard, { ...BASE, [name]: [SIZE] }, `its tensor ${name}`);
    }
    await rejects({ architecture: "gated" }, UNBIASED, "b_mag");
    await rejects({ architecture: "gated" }, BASE, "its tensor b_enc");
    await rejects({ architecture: "batchtopk", k: 0 }, BASE, "found 0");
    await rejects({ architecture: "skip_transcoder" }, TRANSCODER, "W_skip");
    await rejects({ is_transcoder: true }, BASE, "b_dec_out");
    await rejects({ architecture: "transcoder", d_out: OUT + 1 }, TRANSCODER, `d_out ${OUT + 1}`);
    await rejects({ architecture: "transcoder", apply_b_dec_to_input: true }, TRANSCODER, "apply_b_dec_to_input");
    await rejects(standard, TRANSCODER, `length ${DIM}`, `they have ${OUT}`);
    for (const architecture of ["temporal", "matching_pursuit", "temporal_transcoder"]) {
      await rejects({ architecture }, BASE, `"${architecture}"`);
    }
    const loaded = (kwargs: Record<string, unknown>, hook_name = "blocks.3.hook_resid_post") => ({
      ...standard,
      metadata: { hook_name, model_from_pretrained_kwargs: kwargs },
    });
    await rejects(loaded({ fold_ln: true }, "blocks.3.ln2.hook_normalized"), BASE, "fold_ln");
    await rejects(loaded({ fold_value_biases: true }, "blocks.3.attn.hook_z"), BASE, "fold_value_biases");
    await rejects(loaded({ center_writing_weights: true }, "blocks.3.mlp.experts"), BASE, "center_writing_weights");
    await rejects(loaded({ shuffle_heads: 3 }), BASE, "shuffle_heads 3");
    await rejects(loaded({ toString: true }), BASE, "toString true");
    await rejects(loaded({ center_writing_weights: "false" }), BASE, 'center_writing_weights "false"');
    await rejects(loaded({ fold_ln: 1 }), BASE, "fold_ln 1");
    await rejects(
      { ...standard, metadata: { ...stream, model_kwargs: { shuffle_heads: 3 } } },
      BASE,
      "shuffle_heads 3",
    );
    // None of these changes what the stream holds; nor do statistics of training beside the weights.
    const harmless = {
      fold_ln: true,
      center_unembed: true,
      fold_value_biases: true,
      dtype: "bfloat16",
      n_devices: 2,
      n_ctx: 128,
    };
    await write(folder, loaded(harmless), randomWeights({ ...BASE, log_sparsity: [SIZE], dead: [0, DIM] }));
    (await readSae(folder, { backend: "cpu" })).dispose();
  }));

const ints = (length: number): Tensor => ({ dtype: "int64", shape: [length], data: new BigInt64Array(length) });
const flags = (length: number): Tensor => ({ dtype: "bool", shape: [length], data: new Uint8Array(length) });
const floats = (...shape: number[]): Tensor =>
  float32Tensor(new Float32Array(shape.reduce((count, length) => count * length, 1)), shape);

Deno.test("tensors beside the weights are known by their whole names, and refused if they could be a part", () =>
  inFolder(async (folder) => {
    const readsWith = async (name: string, tensor: Tensor) => {
      const config = { architecture: "standard" };
      await write(folder, config, randomWeights(BASE));
      const tensors = new Map([...tensorsOf(randomWeights(BASE)), [name, tensor]]);
      await writeSafetensors(`${folder}/sae_weights.safetensors`, tensors);
      (await readSae(folder, { backend: "cpu" })).dispose();
    };
    const parts: Record<string, Tensor> = {
      dead_bias: floats(SIZE),
      steps_bias: floats(SIZE),
      tokens_bias: floats(DIM),
      count_scale: floats(SIZE),
      discount_factor: floats(SIZE),
      ema_mean: floats(DIM),
      density_weights: floats(SIZE, SIZE),
      loss_scale: floats(1),
      n_scale: floats(),
      num_scale: floats(),
      permutation: ints(SIZE),
      input_order: ints(DIM),
      alive_mask: flags(SIZE),
    };
    for (const [name, tensor] of Object.entries(parts)) {
      assertSentence(await assertRejects(() => readsWith(name, tensor), Error), `its tensor ${name}`);
    }
    const statistics: Record<string, Tensor> = {
      sparsity: floats(SIZE),
      act_freq_scores: floats(SIZE),
      n_forward_passes_since_fired: floats(SIZE),
      num_tokens_since_fired: ints(SIZE),
      num_batches_not_active: floats(SIZE),
      stats_last_nonzero: ints(SIZE),
      token_counts: floats(SIZE),
      log_sparsity_bf16: floats(SIZE),
      k: ints(1),
      seed: ints(1),
    };
    for (const [name, tensor] of Object.entries(statistics)) await readsWith(name, tensor);
  }));
