/**
 * Language models: from an ONNX graph or a checkpoint, on the CPU or a GPU, with hooks that read and change what is
 * inside.
 *
 * A *layer* is one of the model's blocks, from 0 on, a *hook point* a place in it (`{ layer, at }`, such as layer 3 at
 * `"resid_post"`). A model gives its activations there (`residuals`), its logits, texts that it goes on with, and what
 * a direction would say (`lens`); an *intervention* changes the activations on the way.
 *
 * @example
 * ```ts
 * import { loadModel } from "./mod.ts";
 *
 * await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
 * const [tokens] = await model.lens(new Float32Array(model.dim).fill(1), 1);
 * console.log(model.layers, model.dim, tokens.map(({ token }) => token));
 * ```
 *
 * @module
 */
export { loadModel } from "./load.ts";
export { ModelError } from "./error.ts";
export { HOOK_SITES, hookName, isSameHookPoint, isStreamSite, normalHookPoint, parseHookName } from "./hook_names.ts";
export { BOS_RULES } from "./tokenizer.ts";
export { bareName } from "./exports.ts";
export { sameTokens } from "./same_tokens.ts";
export { knownFamilies } from "./architectures/families/all.ts";
export type * from "./types.ts";
