import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { atLayer, Batch, extract, readCorpus } from "../../src/activations/mod.ts";
import type { SparseFeatures } from "../../src/compute/mod.ts";
import { float32Tensor, readNpz, type Tensors, toFloat32, writeNpz } from "../../src/files/mod.ts";
import { loadModel } from "../../src/model/mod.ts";
import { readSae, type SaeSource } from "../../src/sae/mod.ts";
import { backendTest } from "../lib/backends.ts";
import { inFolder } from "../lib/folder.ts";
import { assertSentence } from "../lib/sentence.ts";

const PARAMS = "fixtures/sae/params.npz";
const [PROMPTS, CHECKED_ROWS] = [40, 300];

let cached: Promise<Float32Array<ArrayBuffer>> | undefined;

/** Held-out activations of the layer that the embedded autoencoder reads, `<bos>` left out; `rows x 192`. */
function heldOut(): Promise<Float32Array<ArrayBuffer>> {
  cached ??= (async () => {
    const model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
    const texts = readCorpus("fixtures/corpora/pile.jsonl", { where: { split: "heldout" } });
    const parts: number[] = [];
    for await (const batch of atLayer(extract(model, texts, { layers: [4], maxPrompts: PROMPTS }), 4)) {
      for (const value of batch.data) parts.push(value);
    }
    await model.dispose();
    return Float32Array.from(parts);
  })();
  return cached;
}

/** Gemma Scope's forward pass, dense, in float64, straight from the file's arrays. */
function denseGemmaScope(tensors: Tensors, x: Float32Array): { pre: Float64Array; acts: Float64Array } {
  const [encoder, bias, threshold] = ["W_enc", "b_enc", "threshold"].map((name) => toFloat32(tensors.get(name)!));
  const [dim, size] = tensors.get("W_enc")!.shape;
  const pre = new Float64Array(x.length / dim * size);
  for (let row = 0; row < x.length / dim; row++) {
    const out = pre.subarray(row * size, (row + 1) * size);
    out.set(bias);
    for (let d = 0; d < dim; d++) {
      const value = x[row * dim + d];
      for (let feature = 0; feature < size; feature++) out[feature] += value * encoder[d * size + feature];
    }
  }
  return { pre, acts: pre.map((value, i) => value > threshold[i % size] ? Math.max(0, value) : 0) };
}

/** `rows x size` with its zeros. */
function dense({ rows, size, offsets, features, values }: SparseFeatures): Float32Array {
  const result = new Float32Array(rows * size);
  for (let row = 0; row < rows; row++) {
    for (let i = offsets[row]; i < offsets[row + 1]; i++) result[row * size + features[i]] = values[i];
  }
  return result;
}

backendTest("Gemma Scope: features and reconstructions are those of the file's arrays in float64", async (backend) => {
  const tensors = await readNpz(PARAMS);
  const [dim, size] = [192, 2048];
  const x = (await heldOut()).slice(0, CHECKED_ROWS * dim);
  using sae = await readSae(PARAMS, { backend });
  assertEquals([sae.dim, sae.size, sae.architecture, sae.k], [dim, size, "jumprelu", undefined]);
  const features = await sae.encode({ rows: CHECKED_ROWS, dim, data: x });
  assertEquals([features.rows, features.size], [CHECKED_ROWS, size]);
  const { pre, acts } = denseGemmaScope(tensors, x);
  const threshold = toFloat32(tensors.get("threshold")!)[0];
  let compared = 0;
  dense(features).forEach((value, i) => {
    // Nearer to the threshold than float32 can tell, either is right.
    if (Math.abs(pre[i] - threshold) < 1e-4) return;
    assertAlmostEquals(value, acts[i], 2e-4);
    compared++;
  });
  assert(compared > 0.999 * acts.length);

  const [decoder, decoderBias] = ["W_dec", "b_dec"].map((name) => toFloat32(tensors.get(name)!));
  const decoded = await sae.decode(features);
  for (let row = 0; row < CHECKED_ROWS; row += 7) {
    const expected = Float64Array.from(decoderBias);
    for (let feature = 0; feature < size; feature++) {
      const value = acts[row * size + feature];
      if (value > 0) { for (let d = 0; d < dim; d++) expected[d] += value * decoder[feature * dim + d]; }
    }
    expected.forEach((value, d) => assertAlmostEquals(decoded[row * dim + d], value, 2e-3));
  }
});

backendTest("the embedded autoencoder has the figures on held-out text that it was published with", async (backend) => {
  const dim = 192;
  const data = await heldOut();
  const rows = data.length / dim;
  using sae = await readSae("fixtures/sae", { backend });
  const features = await sae.encode({ rows, dim, data });
  const decoded = await sae.decode(features);
  const means = new Float64Array(dim);
  data.forEach((value, i) => means[i % dim] += value / rows);
  const variance = data.reduce((sum, value, i) => sum + (value - means[i % dim]) ** 2, 0);
  const error = data.reduce((sum, value, i) => sum + (value - decoded[i]) ** 2, 0);
  // 23.72 and 0.8722 on all 50,673 held-out activations; these are a part of them.
  assertAlmostEquals(features.offsets[rows] / rows, 23.72, 1.5);
  assertAlmostEquals(1 - error / variance, 0.8722, 0.02);
});

backendTest("a batch is encoded where it lives, and one of no rows or a bad row is met with care", async (backend) => {
  const data = (await heldOut()).slice(0, 192 * 5);
  using sae = await readSae(PARAMS, { backend });
  using matrix = backend.upload(data, 5, 192);
  const features = await sae.encode(Batch.onBackend(matrix));
  assertEquals(features, await sae.encode({ rows: 5, dim: 192, data }));
  const none = await sae.encode({ rows: 0, dim: 192, data: new Float32Array() });
  assertEquals([none.rows, none.offsets, none.features.length], [0, Int32Array.of(0), 0]);
  assertEquals(await sae.decode(none), new Float32Array());
  const bad = data.slice();
  bad[192 * 3] = NaN;
  assertSentence(await assertRejects(() => sae.encode({ rows: 5, dim: 192, data: bad }), Error), "row 3");
  const wide = { rows: 1, dim: 384, data: new Float32Array(384) };
  assertSentence(await assertRejects(() => sae.encode(wide), RangeError), "192", "384");
});

Deno.test("Gemma Scope: the path's layer, lower-case names, and thresholds below zero, which let no negative value pass", () =>
  inFolder(async (folder) => {
    const path = `${folder}/layer_12/width_16k/params.npz`;
    const tensors = new Map([
      ["w_enc", float32Tensor(Float32Array.of(1, 1, 1), [1, 3])],
      ["b_enc", float32Tensor(Float32Array.of(0, 0, 0), [3])],
      ["threshold", float32Tensor(Float32Array.of(-2, 0.5, Infinity), [3])],
      ["w_dec", float32Tensor(Float32Array.of(1, 1, 1), [3, 1])],
      ["b_dec", float32Tensor(Float32Array.of(0), [1])],
    ]);
    await writeNpz(path, tensors);
    const sae = await readSae(path, { backend: "cpu" });
    const hook = "blocks.12.hook_resid_post";
    assertEquals(sae.source, {
      path,
      format: "gemma-scope",
      hook,
      hookPoint: { layer: 12, at: "resid_post" },
      layer: 12,
    });
    const features = await sae.encode({ rows: 3, dim: 1, data: Float32Array.of(-1, 0.25, 1) });
    assertEquals([...dense(features)], [0, 0, 0, 0.25, 0, 0, 1, 1, 0]);
    sae.dispose();

    const mlp = "blocks.3.hook_mlp_out";
    const sources: Record<string, Omit<SaeSource, "path" | "format">> = {
      "gemma-scope-9b-it-res/layer_3": {
        model: "gemma-2-9b-it",
        hook: "blocks.3.hook_resid_post",
        hookPoint: { layer: 3, at: "resid_post" },
        layer: 3,
      },
      "gemma-scope-2b-pt-att/layer_3": {
        model: "gemma-2-2b",
        hook: "blocks.3.attn.hook_z",
        hookPoint: { layer: 3, at: "z" },
      },
      "models--google--gemma-scope-2b-pt-mlp/snapshots/0123/layer_3": {
        model: "gemma-2-2b",
        hook: mlp,
        hookPoint: { layer: 3, at: "mlp_out" },
      },
      "mlp/layer_3": { hook: mlp, hookPoint: { layer: 3, at: "mlp_out" } },
      "gemma-scope-2b-pt-transcoders/layer_3": {
        model: "gemma-2-2b",
        hook: "blocks.3.ln2.hook_normalized",
        output: { hook: mlp, hookPoint: { layer: 3, at: "mlp_out" } },
      },
      "gemma-scope-2b-pt-res/embedding": { model: "gemma-2-2b", hook: "hook_embed" },
      "gemma-scope-2b-pt-other/layer_3": { model: "gemma-2-2b", hook: "gemma-scope-2b-pt-other, layer 3" },
    };
    for (const [place, source] of Object.entries(sources)) {
      const file = `${folder}/${place}/width_16k/params.npz`;
      await writeNpz(file, tensors);
      using sae = await readSae(file, { backend: "cpu" });
      assertEquals(sae.source, { path: file, format: "gemma-scope", ...source }, place);
    }
  }));

Deno.test("a file that is no autoencoder is refused with what is missing or wrong", () =>
  inFolder(async (folder) => {
    const path = `${folder}/params.npz`;
    const rejects = async (...parts: string[]) =>
      assertSentence(await assertRejects(() => readSae(path, { backend: "cpu" }), Error), ...parts);
    const float = (shape: number[], fill = 0) =>
      float32Tensor(new Float32Array(shape.reduce((product, length) => product * length, 1)).fill(fill), shape);
    const good: [string, ReturnType<typeof float>][] = [
      ["W_enc", float([2, 3])],
      ["b_enc", float([3])],
      ["threshold", float([3])],
      ["W_dec", float([3, 2])],
      ["b_dec", float([2])],
    ];
    await rejects("no params.npz");
    for (const [name] of good) {
      await writeNpz(path, new Map(good.filter(([other]) => other !== name)));
      await rejects(`named ${name}`, path);
    }
    const bad: [string, number[], number, string][] = [
      ["W_enc", [6], 0, "W_enc"],
      ["W_dec", [2, 3], 0, "shape (3, 2) but found (2, 3)"],
      ["b_enc", [2], 0, "shape (3) but found (2)"],
      ["threshold", [2], 0, "shape (3) but found (2)"],
      ["threshold", [3], NaN, "feature 0 is NaN"],
      ["W_enc", [2, 3], NaN, "finite"],
      ["b_dec", [2], Infinity, "finite"],
    ];
    for (const [name, shape, fill, part] of bad) {
      await writeNpz(path, new Map([...good, [name, float(shape, fill)]]));
      await rejects(part, path);
    }
    await Deno.writeTextFile(`${folder}/other.txt`, "text");
    assertSentence(await assertRejects(() => readSae(`${folder}/other.txt`), Error), "other.txt");
  }));
