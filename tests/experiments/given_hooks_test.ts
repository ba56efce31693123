/** Hooks of dictionaries that are given to `axbench`, and of runs that go on. */
import { assertEquals, assertRejects } from "@std/assert";
import { givenDictionaries } from "../../experiments/lib/axbench/given.ts";
import { ConceptStore } from "../../experiments/lib/axbench/store.ts";
import { describeStream } from "../../src/activations/mod.ts";
import { openBackend } from "../../src/compute/mod.ts";
import type { HookSite, LanguageModel } from "../../src/model/mod.ts";
import { Dictionary } from "../../src/partition/mod.ts";
import { inFolder } from "../lib/folder.ts";
import { assertSentence } from "../lib/sentence.ts";

/** Saves a dictionary of one region at a hook, and gives its path. */
async function saved(path: string, at: HookSite, percentile: number): Promise<string> {
  const source = describeStream({ model: "toy", layer: 20, at, corpus: "pile" });
  const calibration = { center: Float32Array.of(1, 2), threshold: 0.2, percentile, source };
  const dictionary = await Dictionary.create(calibration, { backend: "cpu" });
  await dictionary.add({ data: Float32Array.of(3, 4), rows: 1, dim: 2 });
  await dictionary.save(path);
  return path;
}

/** A model with activations of length 2 at every hook. */
const MODEL = { id: "toy", bos: "always", dim: 2, withHook: () => Promise.resolve(MODEL) } as unknown as LanguageModel;

Deno.test("dictionaries that are given together are of one hook, at which the model is to be read", () =>
  inFolder(async (folder) => {
    const options = { model: MODEL, backend: await openBackend("cpu"), seed: 0, budget: 100 };
    const four = await saved(`${folder}/four.arrow`, "attn_out", 4);
    const ten = await saved(`${folder}/ten.arrow`, "attn_out", 10);
    const other = await saved(`${folder}/other.arrow`, "mlp_out", 10);
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
    assertSentence(await assertRejects(other, Error), "go on with --hook z,", "but found --hook resid_post");
    await ConceptStore.open(folder, { model: "toy" }, false);
    await other();
    const wrong = () => ConceptStore.open(folder, { model: "toy", hook: "z" }, true);
    assertSentence(await assertRejects(wrong, Error), "go on with --hook resid_post");
  }));
