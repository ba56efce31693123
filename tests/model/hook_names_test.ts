import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  hookName,
  type HookSite,
  isSameHookPoint,
  isStreamSite,
  normalHookPoint,
  parseHookName,
} from "../../src/model/mod.ts";
import { findHookPoint } from "../../src/model/hook_names.ts";
import { assertSentence } from "../lib/sentence.ts";

/** TransformerLens' names, as its HookedTransformer lists them. */
const LENS: Record<string, string> = {
  resid_pre: "blocks.7.hook_resid_pre",
  resid_mid: "blocks.7.hook_resid_mid",
  resid_post: "blocks.7.hook_resid_post",
  attn_out: "blocks.7.hook_attn_out",
  mlp_out: "blocks.7.hook_mlp_out",
  z: "blocks.7.attn.hook_z",
  pattern: "blocks.7.attn.hook_pattern",
  router: "blocks.7.mlp.hook_expert_weights",
};

Deno.test("every site has TransformerLens' name, and the name means the site", () => {
  for (const [at, name] of Object.entries(LENS)) {
    assertEquals(hookName({ layer: 7, at }), name);
    assertEquals(parseHookName(name), { layer: 7, at });
  }
});

Deno.test("a tensor of the graph keeps its own name, with the block's number in it", () => {
  const at = "/model/layers.{layer}/mlp/act_fn/Mul_output_0";
  assertEquals(hookName({ layer: 11, at }), "/model/layers.11/mlp/act_fn/Mul_output_0");
});

Deno.test("names of TransformerBridge, SAELens and transformers mean what they are the outputs of", () => {
  const names: [string, number, HookSite][] = [
    ["blocks.12.hook_in", 12, "resid_pre"],
    ["blocks.12.hook_out", 12, "resid_post"],
    ["blocks.12.attn.hook_out", 12, "attn_out"],
    ["blocks.12.ln1_post.hook_out", 12, "attn_out"],
    ["blocks.12.mlp.hook_out", 12, "mlp_out"],
    ["blocks.12.ln2_post.hook_out", 12, "mlp_out"],
    ["model.layers.12", 12, "resid_post"],
    ["layers.12", 12, "resid_post"],
    [".model.layers.12", 12, "resid_post"],
    ["transformer.h.0", 0, "resid_post"],
    ["gpt_neox.layers.5", 5, "resid_post"],
    ["model.language_model.layers.3", 3, "resid_post"],
    ["base_model.model.model.layers.3", 3, "resid_post"],
    ["model.layers.12.self_attn", 12, "attn_out"],
    ["transformer.h.5.attn", 5, "attn_out"],
    ["gpt_neox.layers.5.attention", 5, "attn_out"],
    ["model.layers.12.mlp", 12, "mlp_out"],
    ["h.3.mlp", 3, "mlp_out"],
    ["model.layers.2.block_sparse_moe", 2, "mlp_out"],
  ];
  for (const [name, layer, at] of names) assertEquals(parseHookName(name), { layer, at }, name);
  assertEquals(parseHookName("blocks.{layer}.hook_resid_pre", 8), { layer: 8, at: "resid_pre" });
  assertEquals(parseHookName("model.layers.{layer}", 0), { layer: 0, at: "resid_post" });
  assertEquals(parseHookName("blocks.3.hook_mlp_out", 8), { layer: 3, at: "mlp_out" }, "the name's own number counts");
});

Deno.test("a name of no known hook point is refused with a sentence", () => {
  const unknown = ["", "hook_embed", "blocks.3.mlp.hook_post", "blocks.3.ln2.hook_normalized", "blocks.x.hook_out"]
    .concat([
      "vision_model.encoder.layers.3",
      "model.layers.3.mlp.gate_proj",
      "blocks.3.hook_resid_postx",
      "resid_post",
    ]);
  for (const name of unknown) {
    assertSentence(assertThrows(() => parseHookName(name), RangeError), `found "${name}"`);
    assertEquals(findHookPoint(name), undefined);
  }
  assertSentence(assertThrows(() => parseHookName("blocks.{layer}.hook_mlp_out"), RangeError), "give the block");
});

Deno.test("what enters a block is what the block before has put out", () => {
  assertEquals(normalHookPoint({ layer: 8, at: "resid_pre" }), { layer: 7, at: "resid_post" });
  for (const at of ["resid_mid", "resid_post", "z"]) assertEquals(normalHookPoint({ layer: 8, at }), { layer: 8, at });
  assertEquals(normalHookPoint({ layer: 0, at: "resid_pre" }), { layer: 0, at: "resid_pre" });
  assert(isSameHookPoint({ layer: 8, at: "resid_pre" }, { layer: 7, at: "resid_post" }));
  assert(!isSameHookPoint({ layer: 8, at: "resid_pre" }, { layer: 8, at: "resid_post" }));
  assert(!isSameHookPoint({ layer: 8, at: "attn_out" }, { layer: 8, at: "mlp_out" }));
});

Deno.test("the lens reads the stream and what is added to it, nothing else", () => {
  const read = [...Object.keys(LENS), "/model/layers.{layer}/mlp/act"].filter(isStreamSite);
  assertEquals(read, ["resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out"]);
});
