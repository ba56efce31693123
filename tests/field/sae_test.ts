/**
 * Autoencoders as people have them: each input is of the kind that somebody reported, with the right features and output of
 * a float64 pass beside it.
 */
import { assert, assertAlmostEquals, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { Dictionary, readSae } from "../../mod.ts";
import { describeStream } from "../../src/activations/mod.ts";
import { openBackend } from "../../src/compute/mod.ts";
import { readSafetensors, toFloat32 } from "../../src/files/mod.ts";
import { describeFile } from "../../src/inspect/mod.ts";
import type { LanguageModel } from "../../src/model/mod.ts";
import { openSae } from "../../src/run/mod.ts";
import type { Sae, SaeSource } from "../../src/sae/mod.ts";
import { withExperiment } from "../experiments/child.ts";
import { backendTest } from "../lib/backends.ts";
import { inFolder } from "../lib/folder.ts";
import { dense } from "../sae/forward.ts";

const INPUTS = new URL("inputs/", import.meta.url).pathname;

interface Expected {
  readonly rows: number;
  readonly dim: number;
  readonly x: readonly number[];
  readonly acts: readonly number[];
  readonly out: readonly number[];
}

/** Compares features and output of a case's rows with what is right, to 1 in 10,000 of the largest. */
async function assertValues(sae: Sae, id: string): Promise<void> {
  const expected = JSON.parse(await Deno.readTextFile(`${INPUTS}${id}/expected.json`)) as Expected;
  const { rows, dim, x, acts, out } = expected;
  const features = await sae.encode({ rows, dim, data: Float32Array.from(x) });
  assertNear(dense(features).flat(), acts, `${id}: features`);
  assertNear(await sae.decode(features), out, `${id}: output`);
}

function assertNear(found: ArrayLike<number>, expected: readonly number[], what: string): void {
  assertEquals(found.length, expected.length, what);
  const largest = Math.max(...expected.map(Math.abs));
  assert(largest > 0, what);
  expected.forEach((value, i) => assertAlmostEquals(found[i], value, 1e-4 * largest, `${what}, number ${i}`));
}

/** Cases by what they are, with their autoencoder's path. */
const CASES: readonly (readonly [id: string, path: string, what: string])[] = [
  ["sae-centred-model", "sae", "a model whose writing weights were centred"],
  ["scope-residual", "gemma-scope-2b-pt-res/layer_3/width_16k/average_l0_59/params.npz", "Gemma Scope"],
  ["scope-mlp", "gemma-scope-2b-pt-mlp/layer_3/width_16k/average_l0_59/params.npz", "Gemma Scope of an MLP"],
  ["scope-transcoder", "gemma-scope-2b-pt-transcoders/layer_3/width_16k/average_l0_59/params.npz", "its transcoders"],
  ["scope-2", "gemma-scope-2-toy/resid_post/layer_3_width_16k_l0_medium", "Gemma Scope 2"],
  ["scope-extra-text", "layer_3/params.npz", "arrays of text beside the weights"],
  ["saelens-skip", "sae", "a skip connection"],
  ["saelens-transcoder", "sae", "a transcoder"],
  ["saelens-old-transcoder", "sae", "one of the first transcoders"],
  ["saelens-batchtopk", "sae", "batch top-k"],
  ["saelens-matryoshka", "sae", "Matryoshka"],
  ["saelens-gated", "sae", "gated"],
  ["saelens-layer-norm", "sae", "layer norm"],
  ["saelens-topk-rescaled", "sae", "top-k by decoder norm"],
  ["saelens-bias-row", "sae", "b_dec of shape (1, d)"],
  ["saelens-finetuned", "sae", "factors of finetuning"],
  ["saelens-no-input-bias", "sae", "b_dec left in"],
  ["saelens-bfloat16", "sae", "bfloat16"],
  ["saelens-extra-fp8", "sae", "a tensor of float8 beside the weights"],
  ["safetensors-empty", "sae", "an empty tensor beside the weights"],
  ["dictionary-learning", "sae", "dictionary_learning"],
  ["sparsify", "layers.3", "sparsify"],
  ["npz-fortran", "params.npz", "Fortran order"],
  ["npz-float16", "params.npz", "float16"],
  ["npz-empty-array", "params.npz", "an empty array beside the weights"],
  ["npz-zip64", "params.npz", "zip64 fields"],
  ["npz-version-3", "params.npz", "headers of version 3.0"],
];

for (const [id, path, what] of CASES) {
  backendTest(`${id} (${what}): features and output are right`, async (backend) => {
    using sae = await readSae(`${INPUTS}${id}/${path}`, { backend });
    await assertValues(sae, id);
  });
}

Deno.test("what each is of is told: the layer of the stream, or the hook of anything else", async () => {
  const stream = { layer: 3, hook: "blocks.3.hook_resid_post" };
  const output = { hook: "blocks.3.hook_mlp_out", hookPoint: { layer: 3, at: "mlp_out" } };
  const told: Record<string, Partial<SaeSource>> = {
    "scope-residual": stream,
    "scope-mlp": { hook: "blocks.3.hook_mlp_out" },
    "scope-transcoder": { hook: "blocks.3.ln2.hook_normalized", output },
    "scope-2": { layer: 3, hook: "model.layers.3.output" },
    "saelens-skip": { hook: "blocks.3.ln2.hook_normalized", output },
    "saelens-transcoder": { hook: "blocks.3.ln2.hook_normalized", output },
    "saelens-old-transcoder": { hook: "blocks.3.ln2.hook_normalized", output },
    "saelens-gated": stream,
    "sae-centred-model": { ...stream, isCentred: true },
    "dictionary-learning": stream,
    "sparsify": { layer: 3, hook: "layers.3" },
  };
  for (const [id, path] of CASES) {
    if (!(id in told)) continue;
    using sae = await readSae(`${INPUTS}${id}/${path}`, { backend: "cpu" });
    const { layer, hook, output, isCentred } = sae.source;
    const expected = { layer: undefined, output: undefined, isCentred: undefined, ...told[id] };
    assertEquals({ layer, hook, output, isCentred } as Partial<SaeSource>, expected, id);
  }
});

const PROBE = "--device cpu --layers 4 --percentiles 16 --sae-layer 4 --documents 6 --instructions 20 --train 200";

Deno.test("probe-other-layer: probe refuses an SAE of another layer before it reads anything", () =>
  withExperiment("probe", [...PROBE.split(" "), "--sae", `${INPUTS}saelens-other-layer/sae`], (ended) => {
    assertEquals(ended.code, 2);
    assertMatch(ended.stderr, /Expected an SAE of resid_post of layer 4 but .* reads resid_post of layer 2/);
  }));

const OVERLAP =
  "--device cpu --layers 4 --percentiles 16 --tokens 2000 --max-tokens 4000 --seeds 1 --draws 1 --minimum 1 " +
  "--calibration 400 --context 16";

Deno.test("overlap-mlp-hook: overlap refuses an SAE of an MLP's output", () =>
  withExperiment("overlap", [...OVERLAP.split(" "), "--sae", `${INPUTS}saelens-mlp-hook/sae`], (ended) => {
    assertEquals(ended.code, 2);
    assertMatch(ended.stderr, /reads mlp_out of layer 4/);
  }));

Deno.test("overlap-hf-hook: model.layers.4 is layer 4", () =>
  withExperiment("overlap", [...OVERLAP.split(" "), "--sae", `${INPUTS}saelens-hf-hook/sae`], (ended) => {
    assertEquals([ended.code, ended.stderr], [0, ""]);
  }));

Deno.test("an SAE of a model of another name runs, and both names are told", () =>
  inFolder(async (folder) => {
    const backend = await openBackend("cpu");
    const from = `${INPUTS}saelens-hf-hook/sae`;
    await Deno.copyFile(`${from}/sae_weights.safetensors`, `${folder}/sae_weights.safetensors`);
    const config = JSON.parse(await Deno.readTextFile(`${from}/cfg.json`));
    const notesOf = async (model_name: string | undefined, id: string) => {
      const metadata = { ...config.metadata, model_name };
      await Deno.writeTextFile(`${folder}/cfg.json`, JSON.stringify({ ...config, metadata }));
      const notes: string[] = [];
      const model = { id, dim: 192, hook: "resid_post" } as LanguageModel;
      using _sae = await openSae(folder, backend, model, 4, { onNote: (note) => notes.push(note) });
      return notes;
    };
    for (
      const [trainedOn, id] of [
        ["gemma-2-2b", "onnx-community/gemma-2-2b-ONNX"],
        ["google/gemma-2-2b", "models/gemma-2-2b/"],
        ["gpt2-small", "Xenova/gpt2"],
        ["gpt2", "openai-community/gpt2@main"],
        [undefined, "fixtures/gemma-2-toy"],
      ] as const
    ) assertEquals(await notesOf(trainedOn, id), [], id);
    for (const [trainedOn, id] of [["gpt2-small", "fixtures/gemma-2-toy"], ["gemma-2-2b", "google/gemma-2-2b-it"]]) {
      const notes = await notesOf(trainedOn, id);
      assertEquals(notes.length, 1, id);
      assertMatch(notes[0], new RegExp(`trained on ${trainedOn} and reads ${id} here`));
    }
  }));

Deno.test("inspect-gated: what cannot be run would be described all the same", async () => {
  const { facts, tables } = await describeFile(`${INPUTS}saelens-gated/sae`, 1);
  assertEquals([facts.architecture, facts.refusal, tables.tensors.length], ["gated", undefined, 6]);
  await inFolder(async (folder) => {
    await Deno.copyFile(`${INPUTS}saelens-gated/sae/sae_weights.safetensors`, `${folder}/sae_weights.safetensors`);
    const config = { architecture: "temporal", hook_name: "blocks.3.hook_resid_post" };
    await Deno.writeTextFile(`${folder}/cfg.json`, JSON.stringify(config));
    const { facts, tables } = await describeFile(folder, 1);
    assertEquals([facts.architecture, facts.layer, tables.tensors.length], ["temporal", 3, 6]);
    assertMatch(String(facts.refusal), /its architecture is "temporal"/);
  });
});

backendTest("export-values: what an exported folder's numbers select is the region assigned", async (backend) => {
  const [rows, dim] = [200, 12];
  const center = Float32Array.from({ length: dim }, (_, d) => d === 0 ? 0.5 : 0);
  // Twelve directions, and a little of the next beside each.
  const data = Float32Array.from({ length: rows * dim }, (_, i) => {
    const [row, d] = [Math.floor(i / dim), i % dim];
    return d === row % dim ? 3 : d === (row + 1) % dim ? (row % 7) / 10 : 0;
  });
  using dictionary = await Dictionary.create({ center, threshold: 0.4 }, { backend });
  await dictionary.add({ rows, dim, data });
  const { regions } = await dictionary.assign({ rows, dim, data });
  const { size } = dictionary;
  await inFolder(async (folder) => {
    await dictionary.export(folder);
    const { tensors } = await readSafetensors(`${folder}/sae_weights.safetensors`);
    const [encoder, bias, subtracted] = ["W_enc", "b_enc", "b_dec"].map((name) => toFloat32(tensors.get(name)!));
    const largest = Array.from({ length: rows }, (_, row) => {
      const pre = Array.from({ length: size }, (_, feature) => {
        let sum = bias[feature];
        for (let d = 0; d < dim; d++) sum += (data[row * dim + d] - subtracted[d]) * encoder[d * size + feature];
        return sum;
      });
      return pre.indexOf(Math.max(...pre));
    });
    assertEquals(largest, [...regions]);
    const { architecture, k, apply_b_dec_to_input, d_sae } = JSON.parse(await Deno.readTextFile(`${folder}/cfg.json`));
    assertEquals([architecture, k, apply_b_dec_to_input, d_sae], ["topk", 1, true, size]);
    assertNotEquals(size, 1);
  });
});

Deno.test("export-model-name: the model that was converted is named, which SAELens can load", () =>
  inFolder(async (folder) => {
    const source = describeStream({ model: "onnx-community/gemma-2-2b-ONNX", layer: 12, corpus: "pile" });
    const calibration = { center: new Float32Array(4), threshold: 0.3, source };
    using dictionary = await Dictionary.create(calibration, { backend: await openBackend("cpu") });
    await dictionary.add({ rows: 2, dim: 4, data: Float32Array.of(1, 0, 0, 0, 0, 1, 0, 0) });
    await dictionary.export(folder);
    assertEquals(JSON.parse(await Deno.readTextFile(`${folder}/cfg.json`)).model_name, "google/gemma-2-2b");
  }));

Deno.test("export-dataset-path: a corpus is named as the hub does, and no path of this machine gets out", () =>
  inFolder(async (folder) => {
    const backend = await openBackend("cpu");
    const exported = async (corpus: string) => {
      const source = describeStream({ model: "onnx-community/gemma-2-2b-ONNX", layer: 12, corpus });
      const calibration = { center: new Float32Array(4), threshold: 0.3, source };
      using dictionary = await Dictionary.create(calibration, { backend });
      await dictionary.add({ rows: 2, dim: 4, data: Float32Array.of(1, 0, 0, 0, 0, 1, 0, 0) });
      await dictionary.export(folder);
      const config = JSON.parse(await Deno.readTextFile(`${folder}/cfg.json`));
      assertEquals(config.metadata.dataset_path, config.dataset_path);
      return config.dataset_path;
    };
    const names: [corpus: string, name: string][] = [
      ["monology/pile-uncopyrighted", "monology/pile-uncopyrighted"],
      ["hf://datasets/monology/pile-uncopyrighted@main/train/*.jsonl.zst", "monology/pile-uncopyrighted"],
      ["hf://datasets/allenai/c4.v1.5/en", "allenai/c4.v1.5"],
      ["hf://owner/model/texts.jsonl", "unknown"],
      ["/home/me/texts/pile.jsonl", "unknown"],
      ["C:\\texts\\pile.jsonl", "unknown"],
      ["~/texts", "unknown"],
      ["./texts", "unknown"],
      ["../texts", "unknown"],
      ["texts/pile.jsonl.gz", "unknown"],
      // It is a folder here.
      ["fixtures/corpora", "unknown"],
      ["pile.jsonl", "unknown"],
    ];
    for (const [corpus, name] of names) assertEquals(await exported(corpus), name, corpus);
  }));
