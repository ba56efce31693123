/** Hooks of dictionaries that are given to `axbench`, and of runs that go on. */
import { assertEquals, assertRejects } from "@std/assert";
import { describeStream } from "../../src/activations/mod.ts";
import { openBackend } from "../../src/compute/mod.ts";
import type { HookSite, LanguageModel } from "../../src/model/mod.ts";
import { Dictionary } from "../../src/partition/mod.ts";
import { givenDictionaries, RowStore } from "../../src/run/mod.ts";
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
    const backend = await openBackend("cpu");
    const given = (...names: string[]) => givenDictionaries(names, MODEL, backend, { seed: 3 });
    const four = await saved(`${folder}/four.arrow`, "attn_out", 4);
    const ten = await saved(`${folder}/ten.arrow`, "attn_out", 10);
    const other = await saved(`${folder}/other.arrow`, "mlp_out", 10);
    const { hook, dictionaries, centers } = await given(four, ten, four);
    assertEquals([hook, [...centers.keys()]], ["attn_out", [20]]);
    assertEquals(dictionaries.map(({ percentile, seed, budget }) => [percentile, seed, budget]), [
      ...[[4, 3, 1], [10, 3, 1], [4, 4, 1]],
    ]);
    const error = await assertRejects(() => given(four, other), Error);
    assertSentence(error, `${other} is of mlp_out`, "of attn_out");
  }));

Deno.test("a run goes on at its own hook; one that does not tell it was read at resid_post", () =>
  inFolder(async (folder) => {
    const open = (flags: object, resume = true) => RowStore.open(folder, { flags: { model: "toy", ...flags }, resume });
    await open({ hook: "z" }, false);
    await open({ hook: "z" });
    const other = () => open({ hook: "resid_post" });
    assertSentence(await assertRejects(other, Error), "go on with --hook z,", "but found --hook resid_post");
    await open({}, false);
    await other();
    assertSentence(await assertRejects(() => open({ hook: "z" }), Error), "go on with --hook resid_post");
  }));
