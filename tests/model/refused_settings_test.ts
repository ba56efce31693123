/** Settings of config.json of which transformers' classes make something else than they say, or nothing. */
import { assertRejects } from "@std/assert";
import { loadModel } from "../../src/model/mod.ts";
import { inFolder } from "../lib/folder.ts";
import { assertSentence } from "../lib/sentence.ts";
import { ORT_TEST } from "./toy.ts";

const ROOT = new URL("../golden/checkpoints/", import.meta.url).pathname;

/** Folder, what is changed, and words of the refusal. */
const REFUSED: readonly [string, Record<string, unknown>, ...string[]][] = [
  ["gpt2", { num_attention_heads: 2 }, "num_attention_heads", "n_head"],
  ["gpt2", { hidden_size: 64 }, "n_embd"],
  ["gpt-neo", { n_head: 2 }, "n_head"],
  ["gpt-neo", { attention_layers: null, attention_types: [null] }, "attention_types"],
  ["olmoe", { num_local_experts: 8 }, "num_experts"],
  ["mixtral", { num_experts_per_tok: 9 }, "experts", "9"],
  ["phi3-longrope", { rope_parameters: { rope_type: "yarn", factor: 2, rope_theta: 1e4 } }, "yarn", "longrope"],
  ["gemma3", { rope_parameters: { rope_type: "default", rope_theta: 1e4 } }, "rope_parameters", "sliding_attention"],
  ["olmo3", { rope_parameters: { full_attention: "x", sliding_attention: "x" } }, "rope_parameters"],
  ["gemma2", { attn_logit_softcapping: 0 }, "attn_logit_softcapping", "above zero"],
  ["gemma2", { final_logit_softcapping: 0 }, "final_logit_softcapping", "above zero"],
  ["gemma2", { sliding_window: null }, "window", "none"],
  ["mistral-window", { sliding_window: 2.5 }, "sliding_window", "2.5"],
  ["mistral-window", { sliding_window: 0 }, "sliding_window", "0"],
  ["qwen2-window", { sliding_window: null }, "window", "none"],
  ["mpt", { attn_config: { alibi: true, clip_qkv: 0 } }, "clip_qkv", "above zero"],
  ["bloom", { pretraining_tp: 2, slow_but_exact: true }, "slow_but_exact"],
  ["cohere2", { layer_types: undefined, _sliding_window_pattern: 2 }, "_sliding_window_pattern"],
  ["smollm3", { no_rope_layers: [1] }, "no_rope_layers"],
  ["llama", { text_config: { rms_norm_eps: 1e-3 } }, "text_config"],
];

for (const [name, change, ...words] of REFUSED) {
  Deno.test({
    name: `a setting that is read otherwise elsewhere is refused [${name} ${JSON.stringify(change)}]`,
    ...ORT_TEST,
    fn: () =>
      changed(name, change, async (folder) => {
        assertSentence(await assertRejects(() => loadModel(folder, { device: "cpu" })) as Error, ...words);
      }),
  });
}

Deno.test({
  name: "an index of parts that are no longer there does not hide the file that is",
  ...ORT_TEST,
  fn: () =>
    changed("llama", {}, async (folder) => {
      const index = { metadata: {}, weight_map: { "model.norm.weight": "model-00001-of-00002.safetensors" } };
      await Deno.writeTextFile(`${folder}/model.safetensors.index.json`, JSON.stringify(index));
      await (await loadModel(folder, { device: "cpu" })).dispose();
    }),
});

/** Runs a body with a folder whose config.json is changed. */
async function changed(
  name: string,
  change: Record<string, unknown>,
  body: (folder: string) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    for await (const { name: file } of Deno.readDir(`${ROOT}${name}`)) {
      if (file !== "config.json") await Deno.symlink(`${ROOT}${name}/${file}`, `${folder}/${file}`);
    }
    const config = JSON.parse(await Deno.readTextFile(`${ROOT}${name}/config.json`));
    await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify({ ...config, ...change }));
    await body(folder);
  });
}
