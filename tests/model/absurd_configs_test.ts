/** Sizes in a checkpoint's config.json that no model has: refused by the field's name, soon. */
import { assert, assertRejects } from "@std/assert";
import { loadModel, ModelError } from "../../src/model/mod.ts";
import { inFolder } from "../lib/folder.ts";
import { ORT_TEST } from "./toy.ts";

const LLAMA = new URL("../golden/checkpoints/llama", import.meta.url).pathname;

const ABSURD: readonly (readonly [field: string, value: unknown, named?: string])[] = [
  ["num_hidden_layers", 1e9],
  ["num_hidden_layers", 0],
  ["num_hidden_layers", "2"],
  ["hidden_size", 1e9, "embed_tokens"],
  ["hidden_size", -8],
  ["vocab_size", 1e15, "embed_tokens"],
  ["num_attention_heads", 0],
  ["head_dim", 1e8],
  ["head_dim", 0],
  ["intermediate_size", 1e12, "gate_proj"],
  ["max_position_embeddings", -5],
  ["max_position_embeddings", "many"],
  ["max_position_embeddings", 0.5],
  ["rope_theta", -5],
  ["rope_theta", 0],
];

Deno.test({
  name: "sizes that no model has are refused by name",
  ...ORT_TEST,
  fn: () =>
    inFolder(async (folder) => {
      for await (const { name } of Deno.readDir(LLAMA)) {
        if (name !== "config.json") await Deno.symlink(`${LLAMA}/${name}`, `${folder}/${name}`);
      }
      const config = JSON.parse(await Deno.readTextFile(`${LLAMA}/config.json`));
      for (const [field, value, named = field] of ABSURD) {
        // Both of rotations' spellings name theta: the one at the top alone is left.
        const { rope_parameters: _, ...others } = config;
        await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify({ ...others, [field]: value }));
        const start = performance.now();
        await assertRejects(() => loadModel(folder, { device: "cpu" }), ModelError, named);
        assert(performance.now() - start < 30_000, `${field} ${value}`);
      }
    }),
});
