/** Autoencoders in the formats of others than SAELens, against forward passes in float64; and what they cannot be. */
import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { Random } from "../../src/compute/mod.ts";
import { float32Tensor, type Tensor, writeSafetensors } from "../../src/files/mod.ts";
import { describeFile } from "../../src/inspect/mod.ts";
import { readSae, type Sae, type SaeSource } from "../../src/sae/mod.ts";
import { backendTest } from "../lib/backends.ts";
import { inFolder } from "../lib/folder.ts";
import { assertSentence } from "../lib/sentence.ts";
import { type SavedTensor, writeTorch } from "../lib/torch_file.ts";
import { dense, forward, type Pass, randomWeights, type Weights } from "./forward.ts";

const [DIM, SIZE, ROWS] = [11, 60, 20];
const SHAPES = { W_enc: [DIM, SIZE], b_enc: [SIZE], W_dec: [SIZE, DIM], b_dec: [DIM] };

function rowsOfX(): Float32Array<ArrayBuffer> {
  const random = new Random(3);
  return Float32Array.from({ length: ROWS * DIM }, () => 2 * random.normal());
}

async function assertPass(sae: Sae, weights: Weights, pass: Pass, what: string): Promise<void> {
  const x = rowsOfX();
  const expected = forward(x, weights, pass);
  const features = await sae.encode({ rows: ROWS, dim: DIM, data: x });
  assert(expected.acts.flat().some((value) => value > 0), what);
  dense(features).flat().forEach((value, i) => assertAlmostEquals(value, expected.acts.flat()[i], 2e-4, what));
  const out = await sae.decode(features);
  out.forEach((value, i) => assertAlmostEquals(value, expected.out.flat()[i], 1e-3, what));
}

/** A matrix the other way round. */
function transposed({ shape: [rows, columns], data }: Weights[string]): Weights[string] {
  return {
    shape: [columns, rows],
    data: Float32Array.from(data, (_, i) => data[(i % rows) * columns + Math.floor(i / rows)]),
  };
}

/** The same weights under the names of another format; `turned` ones have their axes exchanged. */
function renamed(weights: Weights, names: Record<string, string>, turned: readonly string[] = []): Weights {
  return Object.fromEntries(
    Object.entries(weights).map(([name, value]) => [
      names[name] ?? name,
      turned.includes(name) ? transposed(value) : value,
    ]),
  );
}

const tensorsOf = (weights: Weights) =>
  new Map(
    Object.entries(weights).map(([name, { shape, data }]): [string, Tensor] => [name, float32Tensor(data, shape)]),
  );

const writeJson = (path: string, value: unknown) => Deno.writeTextFile(path, JSON.stringify(value));

/** Linear layers of PyTorch have a row an output. */
const LINEAR = { W_enc: "encoder.weight", b_enc: "encoder.bias", W_dec: "decoder.weight" };
const GATES = { b_gate: "gate_bias", b_mag: "mag_bias", b_dec: "decoder_bias" };
const { b_enc: _, ...UNBIASED } = SHAPES;

/** Classes of dictionary_learning, their weights' names there, and what they compute. */
const CLASSES: Record<string, {
  shapes: Record<string, readonly number[]>;
  names: Record<string, string>;
  pass: Pass;
  more?: Record<string, SavedTensor>;
}> = {
  AutoEncoder: { shapes: SHAPES, names: { ...LINEAR, b_dec: "bias" }, pass: { takesBias: true, rescaled: true } },
  AutoEncoderNew: { shapes: SHAPES, names: { ...LINEAR, b_dec: "decoder.bias" }, pass: {} },
  GatedAutoEncoder: {
    shapes: { ...UNBIASED, b_gate: [SIZE], b_mag: [SIZE], r_mag: [SIZE] },
    names: { ...LINEAR, ...GATES },
    pass: { activation: "gated", takesBias: true },
  },
  JumpReluAutoEncoder: { shapes: { ...SHAPES, threshold: [SIZE] }, names: {}, pass: { activation: "jump" } },
  AutoEncoderTopK: {
    shapes: { ...SHAPES, threshold: [] },
    names: LINEAR,
    pass: { activation: "topk", k: 4, takesBias: true },
    more: { k: { shape: [], data: Int32Array.of(4) } },
  },
  BatchTopKSAE: {
    shapes: { ...SHAPES, threshold: [] },
    names: LINEAR,
    pass: { activation: "jump", takesBias: true },
    more: { k: { shape: [], data: Int32Array.of(4) } },
  },
  MatryoshkaBatchTopKSAE: {
    shapes: { ...SHAPES, threshold: [] },
    names: {},
    pass: { activation: "jump", takesBias: true },
    more: { k: { shape: [], data: Int32Array.of(4) }, group_sizes: { shape: [2], data: Int32Array.of(20, 40) } },
  },
};

const trainer = (dict_class?: string) => ({
  trainer: { dict_class, k: 4, lm_name: "toy", layer: 3, submodule_name: "resid_post_layer_3" },
  buffer: { io: "out" },
});

backendTest("dictionary_learning: every class gives the numbers of its forward pass", async (backend) => {
  for (const [name, { shapes, names, pass, more }] of Object.entries(CLASSES)) {
    await inFolder(async (folder) => {
      const weights = randomWeights(shapes);
      const isLinear = "W_enc" in names;
      const saved: Record<string, SavedTensor> = {
        ...renamed(weights, names, isLinear ? ["W_enc", "W_dec"] : []),
        ...more,
      };
      // Encoders begin as their decoder turned, and are kept so.
      const encoder = isLinear ? "encoder.weight" : "W_enc";
      await writeTorch(`${folder}/ae.pt`, { ...saved, [encoder]: { ...saved[encoder], isTurned: true } });
      await writeJson(`${folder}/config.json`, trainer(name));
      using sae = await readSae(folder, { backend });
      assertEquals(sae.source, {
        path: `${folder}/ae.pt`,
        format: "dictionary-learning",
        model: "toy",
        hook: "blocks.3.hook_resid_post",
        hookPoint: { layer: 3, at: "resid_post" },
        layer: 3,
      });
      await assertPass(sae, weights, pass, name);
    });
  }
});

Deno.test("dictionary_learning: a class is told by its tensors where only it has them, and asked for elsewhere", () =>
  inFolder(async (folder) => {
    const path = `${folder}/ae.pt`;
    for (const [name, { shapes, names, more }] of Object.entries(CLASSES)) {
      const turned = "W_enc" in names ? ["W_enc", "W_dec"] : [];
      await writeTorch(path, { ...renamed(randomWeights(shapes), names, turned), ...more });
      if (name === "AutoEncoderTopK" || name === "BatchTopKSAE") {
        assertSentence(await assertRejects(() => readSae(path), Error), "config.json", "several kinds");
        continue;
      }
      using sae = await readSae(path, { backend: "cpu" });
      assertEquals(
        sae.architecture,
        name === "GatedAutoEncoder" ? "gated" : /New|^Auto/.test(name) ? "standard" : "jumprelu",
      );
    }
    await writeJson(`${folder}/config.json`, trainer("CrossCoder"));
    assertSentence(await assertRejects(() => readSae(folder), Error), '"CrossCoder"', "AutoEncoderTopK");
    await writeJson(`${folder}/config.json`, { trainer: { ...trainer("JumpReluAutoEncoder").trainer, dict_size: 7 } });
    await writeTorch(path, randomWeights(CLASSES.JumpReluAutoEncoder.shapes));
    assertSentence(await assertRejects(() => readSae(folder), Error), "d_sae 7", `and ${SIZE}`);
    await Deno.writeFile(path, (await Deno.readFile(path)).subarray(0, 900));
    assertSentence(await assertRejects(() => readSae(folder), Error), path);
  }));

Deno.test("dictionary_learning: what it reads is told by its submodule and by its side", () =>
  inFolder(async (folder) => {
    await writeTorch(`${folder}/ae.pt`, randomWeights(CLASSES.JumpReluAutoEncoder.shapes));
    const places: [string | undefined, string, Partial<SaeSource>][] = [
      ["resid_post_layer_5", "out", { hook: "blocks.5.hook_resid_post", layer: 5 }],
      [undefined, "out", { hook: "blocks.3.hook_resid_post", layer: 3 }],
      ["resid_post_layer_5", "in", { hook: "blocks.5.hook_resid_pre", layer: 4 }],
      ["mlp_out_layer_5", "out", { hook: "blocks.5.hook_mlp_out" }],
      ["attention_out_layer_5", "out", { hook: "blocks.5.hook_attn_out" }],
      ["mlp_layer_5", "in", { hook: "input of mlp_layer_5" }],
      ["mlp_layer_5", "in_and_out", { hook: "input of mlp_layer_5" }],
      ["something", "out", { hook: "something" }],
    ];
    for (const [submodule_name, io, expected] of places) {
      const { trainer: common } = trainer("JumpReluAutoEncoder");
      await writeJson(`${folder}/config.json`, { trainer: { ...common, submodule_name }, buffer: { io } });
      using sae = await readSae(folder, { backend: "cpu" });
      const { hook, layer, output } = sae.source;
      assertEquals([hook, layer], [expected.hook, expected.layer], `${submodule_name}, ${io}`);
      assertEquals(output !== undefined, io === "in_and_out");
    }
  }));

backendTest(
  "sparsify: coders, transcoders and skip connections give the numbers of their forward pass",
  async (backend) => {
    const common = { activation: "topk", num_latents: SIZE, d_in: DIM, k: 4, expansion_factor: 32 };
    const input = { hook: "blocks.3.ln2.hook_normalized" };
    const [mlp, stream] = [
      { hook: "layers.3.mlp", hookPoint: { layer: 3, at: "mlp_out" } },
      { hook: "gpt_neox.layers.3", hookPoint: { layer: 3, at: "resid_post" } },
    ];
    const cases: [string, Record<string, unknown>, boolean, Partial<SaeSource>][] = [
      ["gpt_neox.layers.3", {}, true, { ...stream, layer: 3 }],
      ["gpt_neox.layers.3", { num_latents: 0, multi_topk: true }, true, { ...stream, layer: 3 }],
      ["layers.3.mlp", { skip_connection: true }, true, mlp],
      ["layers.3.mlp", { transcode: true, skip_connection: true }, false, { ...input, output: mlp }],
      ["layers.3.mlp", { transcode: true }, false, { ...input, output: mlp }],
    ];
    for (const [name, fields, takesBias, source] of cases) {
      await inFolder(async (run) => {
        const folder = `${run}/${name}`;
        await Deno.mkdir(folder);
        const weights = randomWeights({ ...SHAPES, ...(fields.skip_connection ? { W_skip: [DIM, DIM] } : {}) });
        const { W_dec: _, ...names } = LINEAR;
        await writeSafetensors(`${folder}/sae.safetensors`, tensorsOf(renamed(weights, names, ["W_enc"])));
        await writeJson(`${folder}/cfg.json`, { ...common, ...fields });
        await writeJson(`${run}/config.json`, { model: "EleutherAI/pythia-70m" });
        using sae = await readSae(folder, { backend });
        const told = { path: folder, format: "sparsify" as const, model: "EleutherAI/pythia-70m" };
        assertEquals(sae.source, { ...told, ...source });
        await assertPass(sae, weights, { activation: "topk", k: 4, takesBias }, `${name} ${JSON.stringify(fields)}`);
      });
    }
  },
);

Deno.test("sparsify: what is not built or does not fit is refused by name", () =>
  inFolder(async (folder) => {
    const { W_dec: _, ...names } = LINEAR;
    await writeSafetensors(`${folder}/sae.safetensors`, tensorsOf(renamed(randomWeights(SHAPES), names, ["W_enc"])));
    const refused: [Record<string, unknown>, string][] = [
      [{ activation: "groupmax", k: 4 }, '"groupmax"'],
      [{ k: 4, signed: true }, "signed"],
      [{ k: 0 }, "found 0"],
      [{ k: SIZE + 1 }, `at most ${SIZE}`],
      [{ k: 4, num_latents: 8 }, "d_sae 8"],
      [{ k: 4, skip_connection: true }, "W_skip"],
      [{ k: 4, transcode: "yes" }, "transcode"],
    ];
    for (const [fields, part] of refused) {
      await writeJson(`${folder}/cfg.json`, fields);
      assertSentence(await assertRejects(() => readSae(folder), Error), part);
    }
    await Deno.remove(`${folder}/cfg.json`);
    assertSentence(await assertRejects(() => readSae(folder), Error), "cfg.json", "no such file");
  }));

backendTest("Gemma Scope 2: autoencoders and transcoders with an affine connection", async (backend) => {
  const lower = { W_enc: "w_enc", W_dec: "w_dec", W_skip: "affine_skip_connection" };
  const common = { architecture: "jump_relu", model_name: "gemma-3-1b-pt" };
  const out = { hook: "blocks.3.hook_mlp_out", hookPoint: { layer: 3, at: "mlp_out" } };
  const named = { ...out, hook: "model.layers.3.post_feedforward_layernorm.output" };
  const input = "model.layers.3.pre_feedforward_layernorm.output";
  const cases: [string, Record<string, unknown> | undefined, Partial<SaeSource>][] = [
    ["resid_post/layer_3_width_16k", { ...common, hf_hook_point_in: "model.layers.3.output" }, {
      hook: "model.layers.3.output",
      hookPoint: { layer: 3, at: "resid_post" },
      layer: 3,
    }],
    ["attn_out/layer_3_width_16k", { ...common, hf_hook_point_in: "model.layers.3.self_attn.o_proj.input" }, {
      hook: "model.layers.3.self_attn.o_proj.input",
      hookPoint: { layer: 3, at: "z" },
    }],
    ["transcoder/layer_3_width_16k_affine", {
      ...common,
      affine_connection: true,
      hf_hook_point_in: input,
      hf_hook_point_out: named.hook,
    }, { hook: input, output: named }],
    // Without a configuration the folders tell.
    ["mlp_out/layer_3_width_16k", undefined, out],
    ["attn_out_all/layer_3_width_16k", undefined, {
      hook: "blocks.3.attn.hook_z",
      hookPoint: { layer: 3, at: "z" },
    }],
    ["transcoder_all/layer_3_width_16k", undefined, { hook: "blocks.3.ln2.hook_normalized", output: out }],
  ];
  for (const [name, config, source] of cases) {
    await inFolder(async (repository) => {
      const folder = `${repository}/${name}`;
      await Deno.mkdir(folder, { recursive: true });
      const isAffine = config?.affine_connection === true;
      const weights = randomWeights({ ...SHAPES, threshold: [SIZE], ...(isAffine ? { W_skip: [DIM, DIM] } : {}) });
      const path = `${folder}/params.safetensors`;
      await writeSafetensors(path, tensorsOf(renamed(weights, lower, ["W_skip"])));
      if (config) await writeJson(`${folder}/config.json`, config);
      using sae = await readSae(folder, { backend });
      const model = config ? { model: "gemma-3-1b-pt" } : {};
      assertEquals(sae.source, { path, format: "gemma-scope-2", ...model, ...source }, name);
      await assertPass(sae, weights, { activation: "jump" }, name);
    });
  }
});

Deno.test("Gemma Scope 2: another architecture, several layers at once and a missing connection are refused by name", () =>
  inFolder(async (folder) => {
    const write = async (config: Record<string, unknown>, decoder: readonly number[]) => {
      const weights = randomWeights({ ...SHAPES, W_dec: decoder, threshold: [SIZE] });
      const lower = renamed(weights, { W_enc: "w_enc", W_dec: "w_dec" });
      await writeSafetensors(`${folder}/params.safetensors`, tensorsOf(lower));
      await writeJson(`${folder}/config.json`, config);
      return await assertRejects(() => readSae(folder), Error);
    };
    assertSentence(await write({ architecture: "topk" }, [SIZE, DIM]), '"topk"');
    assertSentence(await write({}, [SIZE, 3, DIM]), "several layers");
    assertSentence(await write({ type: "clt" }, [SIZE, DIM]), "several layers");
    assertSentence(await write({ affine_connection: true }, [SIZE, DIM]), "W_skip");
  }));

Deno.test("inspect describes folders of all formats, with what they are of", () =>
  inFolder(async (folder) => {
    await writeTorch(`${folder}/ae.pt`, randomWeights(CLASSES.JumpReluAutoEncoder.shapes));
    await writeJson(`${folder}/config.json`, trainer("JumpReluAutoEncoder"));
    const { kind, facts, tables } = await describeFile(folder, 1);
    assertEquals(kind, "sparse autoencoder (dictionary_learning)");
    assertEquals(facts, {
      architecture: "JumpReluAutoEncoder",
      k: 4,
      features: SIZE,
      dim: DIM,
      model: "toy",
      layer: 3,
      hook: "resid_post",
    });
    assertEquals(tables.tensors.length, 5);
    const coder = `${folder}/layers.3.mlp`;
    await Deno.mkdir(coder);
    const { W_dec: _, ...names } = LINEAR;
    await writeSafetensors(`${coder}/sae.safetensors`, tensorsOf(renamed(randomWeights(SHAPES), names, ["W_enc"])));
    await writeJson(`${coder}/cfg.json`, { k: 4, transcode: true });
    const described = await describeFile(coder, 1);
    assertEquals(described.kind, "sparse autoencoder (sparsify)");
    assertEquals(described.facts, {
      architecture: "topk",
      k: 4,
      features: SIZE,
      dim: DIM,
      hook: "blocks.3.ln2.hook_normalized",
      predicts: "layers.3.mlp",
    });
  }));
