import { assertEquals, assertRejects } from "@std/assert";
import { openBackend } from "../../src/compute/mod.ts";
import type { BosRule, HookSite, LanguageModel } from "../../src/model/mod.ts";
import { Dictionary } from "../../src/partition/mod.ts";
import { givenDictionary } from "../../src/run/mod.ts";
import { inFolder } from "../lib/folder.ts";

const source = {
  model: "google/gemma-2-2b-it",
  hook: { layer: 20, at: "attn_out" },
  extractor: "per-position" as const,
  context: 128,
  batchPrompts: 16,
  chat: false,
  corpus: "pile",
};

Deno.test("a dictionary serves the model that it was built on, also converted, and no other, at its own hook", () =>
  inFolder(async (folder) => {
    const backend = await openBackend("cpu");
    const save = async (name: string, calibration: Partial<Parameters<typeof Dictionary.create>[0]>) => {
      const dictionary = await Dictionary.create({ center: Float32Array.of(1, 2), threshold: 0.2, ...calibration }, {
        backend,
      });
      await dictionary.add({ data: Float32Array.of(3, 4), rows: 1, dim: 2 });
      await dictionary.save(`${folder}/${name}`);
      return `${folder}/${name}`;
    };
    const named = await save("named.arrow", { source, percentile: 10 });
    const unnamed = await save("unnamed.arrow", {});
    const model = (id: string, dim = 2, bos: BosRule = "always"): LanguageModel => {
      const at = (hook: HookSite): LanguageModel => {
        const withHook = (other: HookSite) => Promise.resolve(at(other));
        return { id, hook, bos, dim: hook === "attn_out" ? dim : 7, withHook } as LanguageModel;
      };
      return at("resid_post");
    };

    for (const id of ["google/gemma-2-2b-it", "onnx-community/gemma-2-2b-it-ONNX", "models/gemma-2-2b-it/"]) {
      assertEquals((await givenDictionary(named, model(id), backend)).size, 1, id);
    }
    for (
      const [file, other, built] of [
        [named, model("google/gemma-2-2b"), "google/gemma-2-2b-it"],
        [named, model("google/gemma-2-2b-it", 3), "google/gemma-2-2b-it"],
        [unnamed, model("google/gemma-2-2b-it"), "one that it does not name"],
      ] as const
    ) {
      await assertRejects(() => givenDictionary(file, other, backend), Error, `was built on ${built}`);
    }
    const without = model("google/gemma-2-2b-it", 2, "never");
    await assertRejects(
      () => givenDictionary(named, without, backend),
      Error,
      `Expected a dictionary built with --bos never but ${named} was with always`,
    );
  }));
