import { assert, assertEquals, assertRejects } from "@std/assert";
import { describeStream, type StreamSource } from "../../src/activations/mod.ts";
import { type Backend, openBackend, type SparseFeatures } from "../../src/compute/mod.ts";
import { readNpz, readSafetensors, toFloat32, writeSafetensors } from "../../src/files/mod.ts";
import { Dictionary } from "../../src/partition/mod.ts";
import { readSae } from "../../src/sae/mod.ts";
import { backendTest } from "../lib/backends.ts";
import { inFolder } from "../lib/folder.ts";
import { assertSentence } from "../lib/sentence.ts";
import { batches, floats, golden, largestDifference, queries } from "./golden.ts";

const { threshold, percentile, center } = golden.dictionaries.at(-1);
const source = describeStream({ model: "fixtures/gemma-2-toy", layer: 3, corpus: "pile.jsonl" });

async function built(backend: Backend, of: StreamSource = source): Promise<Dictionary> {
  const calibration = { center: await floats(center), threshold, percentile, source: of };
  const dictionary = await Dictionary.create(calibration, { backend, seed: 3 });
  for (const batch of batches.slice(0, 4)) await dictionary.add(batch);
  return dictionary;
}

function dense({ offsets, features, values }: SparseFeatures, size: number): Float32Array {
  const rows = offsets.length - 1;
  const all = new Float32Array(rows * size);
  for (let row = 0; row < rows; row++) {
    for (let i = offsets[row]; i < offsets[row + 1]; i++) all[row * size + features[i]] = values[i];
  }
  return all;
}

for (const basis of ["exemplar", "mean"] as const) {
  for (const name of ["folder", "d.npz"]) {
    backendTest(
      `a dictionary exported to ${name} on the ${basis} basis comes back`,
      (backend) =>
        inFolder(async (folder) => {
          using dictionary = await built(backend);
          await dictionary.export(`${folder}/${name}`, { basis });
          using loaded = await Dictionary.load(`${folder}/${name}`, { backend });
          assertEquals(loaded.exemplars, dictionary.exemplars);
          assertEquals(loaded.sums, dictionary.sums);
          assertEquals(loaded.memberCounts, dictionary.memberCounts);
          assertEquals(loaded.distanceSums, dictionary.distanceSums);
          assertEquals(loaded.distanceSquareSums, dictionary.distanceSquareSums);
          assertEquals(loaded.founders, dictionary.founders);
          assertEquals(loaded.firstBatches, dictionary.firstBatches);
          assertEquals(loaded.center, dictionary.center);
          assertEquals([loaded.threshold, loaded.percentile, loaded.source], [threshold, percentile, source]);
          assertEquals(await loaded.assign(queries), await dictionary.assign(queries));
          assertEquals(await loaded.add(queries), await dictionary.add(queries), "it goes on adding");
          assertEquals(loaded.exemplars, dictionary.exemplars);
          assertEquals(loaded.nearestContexts(0), []);
          assertSentence(await assertRejects(() => loaded.reanchor()), "sampled members");
        }),
    );
  }
}

backendTest(
  "a SAELens folder is the read-out topk, as the file's arrays and readSae compute it",
  (backend) =>
    inFolder(async (folder) => {
      using dictionary = await built(backend);
      const { size, dim } = dictionary;
      await dictionary.export(folder, { k: 3 });
      const readout = await dictionary.readout(queries, { kind: "topk", k: 3, basis: "exemplar" });

      const { tensors } = await readSafetensors(`${folder}/sae_weights.safetensors`);
      assertEquals([...tensors.keys()].sort(), ["W_dec", "W_enc", "b_dec", "b_enc"], "SAELens loads them strictly");
      assertEquals(tensors.get("W_enc")!.shape, [dim, size]);
      const [encoder, bias, subtracted] = ["W_enc", "b_enc", "b_dec"].map((name) => toFloat32(tensors.get(name)!));
      for (let row = 0; row < 10; row++) {
        const pre = Array.from({ length: size }, (_, f) => {
          let sum = bias[f];
          for (let j = 0; j < dim; j++) sum += (queries.data[row * dim + j] - subtracted[j]) * encoder[j * size + f];
          return sum;
        });
        const cut = pre.toSorted((a, b) => b - a)[2];
        const acts = pre.map((value) => value >= cut ? Math.max(0, value) : 0);
        assert(largestDifference(acts, readout.subarray(row * size, (row + 1) * size)) < 1e-4);
      }
      using sae = await readSae(folder, { backend });
      assertEquals([sae.architecture, sae.k, sae.source.model, sae.source.hookPoint], [
        "topk",
        3,
        "gemma-2-toy",
        source.hook,
      ]);
      const features = await sae.encode(queries);
      assert(largestDifference(dense(features, size), readout) < 1e-4);
      const decoded = await dictionary.decode(readout, { basis: "exemplar" });
      assert(largestDifference(await sae.decode(features), decoded) < 1e-4);
    }),
);

backendTest(
  "an .npz file is the positive part of the read-out signed, as the file's arrays and readSae compute it",
  (backend) =>
    inFolder(async (folder) => {
      using dictionary = await built(backend);
      const { size, dim } = dictionary;
      const path = `${folder}/params.npz`;
      await dictionary.export(path);
      const readout = await dictionary.readout(queries, { kind: "signed", basis: "exemplar" });
      const positive = readout.map((value) => Math.max(0, value));

      const tensors = await readNpz(path);
      assertEquals([...tensors.keys()].sort(), ["W_dec", "W_enc", "b_dec", "b_enc", "threshold"]);
      const [encoder, bias, cut] = ["W_enc", "b_enc", "threshold"].map((name) => toFloat32(tensors.get(name)!));
      for (let row = 0; row < 10; row++) {
        for (let f = 0; f < size; f++) {
          let pre = bias[f];
          for (let j = 0; j < dim; j++) pre += queries.data[row * dim + j] * encoder[j * size + f];
          assert(Math.abs(pre * Number(pre > cut[f]) - positive[row * size + f]) < 1e-4);
        }
      }
      using sae = await readSae(path, { backend });
      assert(largestDifference(dense(await sae.encode(queries), size), positive) < 1e-4);
    }),
);

Deno.test("cfg.json has what every SAELens generation from 3 on asks for", () =>
  inFolder(async (folder) => {
    using dictionary = await built(await openBackend("cpu"));
    await dictionary.export(folder);
    const config = JSON.parse(await Deno.readTextFile(`${folder}/cfg.json`));
    const three = ["architecture", "d_in", "d_sae", "activation_fn_str", "apply_b_dec_to_input", "context_size"]
      .concat(["finetuning_scaling_factor", "model_name", "hook_name", "hook_layer", "hook_head_index", "prepend_bos"])
      .concat(["dataset_path", "dataset_trust_remote_code", "normalize_activations", "dtype", "device"])
      .concat(["sae_lens_training_version"]);
    for (const name of three) assert(name in config, name);
    assertEquals([config.architecture, config.k, config.activation_fn_kwargs], ["topk", 1, { k: 1 }]);
    const { metadata } = await readSafetensors(`${folder}/sae_weights.safetensors`);
    const place = { model_name: "gemma-2-toy", hook_name: "blocks.3.hook_resid_post" };
    assertEquals(metadata, { ...place, hook_layer: "3" });
    for (const fields of [config, config.metadata]) {
      assertEquals({ ...place, hook_layer: 3 }, {
        model_name: fields.model_name,
        hook_name: fields.hook_name,
        hook_layer: fields.hook_layer,
      });
    }
    assertEquals(config.metadata.sae_lens_version, "6.0.0");
  }));

Deno.test("cfg.json names the model that was converted, as the hub does, and never a path of the machine", () =>
  inFolder(async (folder) => {
    const names = {
      "onnx-community/gemma-2-2b-ONNX": "google/gemma-2-2b",
      "onnx-community/Qwen3-0.6B-ONNX@main": "Qwen/Qwen3-0.6B",
      "Xenova/gpt2": "gpt2",
      "openai-community/gpt2": "gpt2",
      "someone/their-model-ONNX": "their-model",
      "HuggingFaceTB/SmolLM2-135M": "HuggingFaceTB/SmolLM2-135M",
      "/home/me/models/gemma-2-2b-ONNX/": "gemma-2-2b",
      "../models/SmolLM2-135M": "SmolLM2-135M",
      "C:\\models\\SmolLM2-135M": "SmolLM2-135M",
      "fixtures/gemma-2-toy": "gemma-2-toy",
      "/home/me/.cache/huggingface/hub/models--onnx-community--gemma-2-2b-ONNX/snapshots/0123": "google/gemma-2-2b",
      "/home/me/.cache/huggingface/hub/models--HuggingFaceTB--SmolLM2-135M/snapshots/0123":
        "HuggingFaceTB/SmolLM2-135M",
    };
    for (const [model, name] of Object.entries(names)) {
      using dictionary = await built(await openBackend("cpu"), { ...source, model });
      await dictionary.export(folder);
      assertEquals(JSON.parse(await Deno.readTextFile(`${folder}/cfg.json`)).model_name, name);
    }
  }));

Deno.test("cfg.json says whether <bos> stood before texts", () =>
  inFolder(async (folder) => {
    for (const [bos, isPrepended] of [["always", true], ["tokenizer", true], ["never", false]] as const) {
      using dictionary = await built(await openBackend("cpu"), { ...source, bos });
      await dictionary.export(folder);
      assertEquals(JSON.parse(await Deno.readTextFile(`${folder}/cfg.json`)).prepend_bos, isPrepended);
    }
  }));

Deno.test("cfg.json names the hook as TransformerLens does, and says how SAELens lays the heads of z", () =>
  inFolder(async (folder) => {
    const names: [string, string, string][] = [
      ["attn_out", "blocks.3.hook_attn_out", "none"],
      ["z", "blocks.3.attn.hook_z", "hook_z"],
    ];
    for (const [at, name, reshaping] of names) {
      using dictionary = await built(await openBackend("cpu"), { ...source, hook: { layer: 3, at } });
      await dictionary.export(folder);
      const config = JSON.parse(await Deno.readTextFile(`${folder}/cfg.json`));
      assertEquals([config.hook_name, config.metadata.hook_name, config.reshape_activations], [name, name, reshaping]);
      using sae = await readSae(folder, { backend: "cpu" });
      assertEquals(sae.source.hookPoint, { layer: 3, at });
      using loaded = await Dictionary.load(folder, { backend: "cpu" });
      assertEquals(loaded.source?.hook, { layer: 3, at });
    }
  }));

backendTest("what cannot be exported or read back is refused with a sentence", (backend) =>
  inFolder(async (folder) => {
    const empty = await Dictionary.create({ center: new Float32Array(4), threshold: 0.5 }, { backend });
    assertSentence(await assertRejects(() => empty.export(folder)), "empty");
    using dictionary = await built(backend);
    assertSentence(await assertRejects(() => dictionary.export(folder, { k: 0 })), "k to be an integer from 1");
    assertSentence(await assertRejects(() => dictionary.export(folder, { k: 10 ** 6 })), "k to be an integer from 1");
    for (const path of [`${folder}/d.npz`, `${folder}/sae`]) {
      await dictionary.export(path);
      const regions = path.endsWith(".npz") ? `${folder}/d.regions.safetensors` : `${path}/regions.safetensors`;
      const kept = await Deno.readFile(regions);
      if (!path.endsWith(".npz")) {
        const file = `${path}/sae_weights.safetensors`;
        const { tensors } = await readSafetensors(file);
        (tensors.get("W_dec")!.data as Float32Array)[0] += 2;
        await writeSafetensors(file, tensors);
        assertSentence(await assertRejects(() => Dictionary.load(path, { backend })), "changed since");
      }
      await Deno.writeFile(regions, kept.subarray(0, kept.length / 2));
      assertSentence(await assertRejects(() => Dictionary.load(path, { backend })), regions);
      await Deno.remove(regions);
      assertSentence(await assertRejects(() => Dictionary.load(path, { backend })), path, "readSae");
    }
    await Deno.mkdir(`${folder}/none`);
    assertSentence(await assertRejects(() => Dictionary.load(`${folder}/none`, { backend })), "without cfg.json");
    const coder = new URL("../field/inputs/sparsify/layers.3", import.meta.url).pathname;
    assertSentence(await assertRejects(() => Dictionary.load(coder, { backend })), "(sparsify), which readSae reads");
  }));
