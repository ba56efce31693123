import { assertEquals, assertRejects } from "@std/assert";
import { givenDictionaries } from "../../experiments/lib/axbench/given.ts";
import { ConceptStore } from "../../experiments/lib/axbench/store.ts";
import { givenDictionary } from "../../experiments/lib/given.ts";
import { openBackend } from "../../src/compute/open.ts";
import type { HookSite, LanguageModel } from "../../src/model/types.ts";
import { Dictionary } from "../../src/partition/dictionary.ts";
import type { DictionaryCalibration } from "../../src/partition/parts.ts";
import { inFolder } from "../lib/folder.ts";
import { assertSentence } from "../lib/sentence.ts";

const source = {
  model: "google/gemma-2-2b-it",
  hook: { layer: 20, at: "attn_out" },
  extractor: "per-position" as const,
  context: 128,
  batchPrompts: 16,
  chat: false,
  corpus: "pile",
};

/** Saves a dictionary of one region, and gives its path. */
async function saved(path: string, calibration: Partial<DictionaryCalibration>): Promise<string> {
  const dictionary = await Dictionary.create({ center: Float32Array.of(1, 2), threshold: 0.2, ...calibration }, {
    backend: "cpu",
  });
  await dictionary.add({ data: Float32Array.of(3, 4), rows: 1, dim: 2 });
  await dictionary.save(path);
  return path;
}

/** A model that has activations of `dim` at attn_out and mlp_out, and of another length elsewhere. */
function modelOf(id: string, dim = 2): LanguageModel {
  const at = (hook: HookSite) =>
    ({ id, hook, dim: ["attn_out", "mlp_out"].includes(hook) ? dim : 7, withHook: at }) as LanguageModel;
  return at("resid_post");
}

Deno.test("a dictionary serves the model that it was built on, also converted, and no other, at its own hook", () =>
  inFolder(async (folder) => {
    const backend = await openBackend("cpu");
    const named = await saved(`${folder}/named.arrow`, { source, percentile: 10 });
    const unnamed = await saved(`${folder}/unnamed.arrow`, {});

    for (const id of ["google/gemma-2-2b-it", "onnx-community/gemma-2-2b-it-ONNX", "models/gemma-2-2b-it/"]) {
      assertEquals((await givenDictionary(named, modelOf(id), backend)).size, 1, id);
    }
    for (
      const [file, other, built] of [
        [named, modelOf("google/gemma-2-2b"), "google/gemma-2-2b-it"],
        [named, modelOf("google/gemma-2-2b-it", 3), "google/gemma-2-2b-it"],
        [unnamed, modelOf("google/gemma-2-2b-it"), "one that it does not name"],
      ] as const
    ) {
      await assertRejects(() => givenDictionary(file, other, backend), Error, `was built on ${built}`);
    }
  }));

Deno.test("dictionaries that are given together are of one hook, at which the model is to be read", () =>
  inFolder(async (folder) => {
    const options = { model: modelOf(source.model), backend: await openBackend("cpu"), seed: 0, budget: 100 };
    const at = (hook: HookSite, percentile: number) =>
      saved(`${folder}/${hook}-${percentile}.arrow`, {
        source: { ...source, hook: { layer: 20, at: hook } },
        percentile,
      });
    const [four, ten, other] = [await at("attn_out", 4), await at("attn_out", 10), await at("mlp_out", 10)];
    const { hook, grown } = await givenDictionaries([four, ten], options);
    assertEquals([hook, grown.map(({ percentile }) => percentile)], ["attn_out", [4, 10]]);
    const error = await assertRejects(() => givenDictionaries([four, other], options), Error);
    assertSentence(error, `${other} is of mlp_out`, "of attn_out");
  }));

Deno.test("a run goes on at its own hook; one that does not tell it was read at resid_post", () =>
  inFolder(async (folder) => {
    await ConceptStore.open(folder, { model: "toy", hook: "z" }, false);
    await ConceptStore.open(folder, { model: "toy", hook: "z" }, true);
    const other = () => ConceptStore.open(folder, { model: "toy", hook: "resid_post" }, true);
    assertSentence(await assertRejects(other, Error), 'go on with hook "z"', 'but found "resid_post"');
    await ConceptStore.open(folder, { model: "toy" }, false);
    await other();
    const wrong = () => ConceptStore.open(`${folder}`, { model: "toy", hook: "z" }, true);
    assertSentence(await assertRejects(wrong, Error), 'go on with hook "resid_post"');
  }));
