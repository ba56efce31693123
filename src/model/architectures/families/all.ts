/** All families, by the `model_type` of config.json. */
import { bloom, falcon, mpt } from "./alibi.ts";
import { cohere, cohere2 } from "./cohere.ts";
import type { Family } from "./common.ts";
import { exaone4 } from "./exaone4.ts";
import { gemma, gemma2, gemma3 } from "./gemma.ts";
import { arcee, ernie, glm, glm4, helium, hunyuan, nemotron } from "./glm.ts";
import { gpt2, gptBigcode, gptNeo } from "./gpt2.ts";
import { gptj, gptNeox } from "./gpt_neox.ts";
import { gptOss } from "./gpt_oss.ts";
import { granite } from "./granite.ts";
import { llama } from "./llama.ts";
import { mistral, mixtral } from "./mistral.ts";
import { gemma3Images, mistral3, type Wrapper } from "./multimodal.ts";
import { olmo, olmo2, olmo3, olmoe } from "./olmo.ts";
import { opt } from "./opt.ts";
import { phi, phi3 } from "./phi.ts";
import { qwen2, qwen3, qwen3Moe } from "./qwen.ts";
import { smollm3 } from "./smollm3.ts";
import { stablelm, starcoder2 } from "./stablelm.ts";

/** A family, and the models that are of it. */
export interface KnownFamily {
  readonly models: string;
  readonly read: Family;
  /** What is around it in a multimodal checkpoint. */
  readonly wrapper?: Wrapper;
}

/** What is known of each family. */
export const FAMILIES: Readonly<Record<string, KnownFamily>> = {
  arcee: { models: "Arcee AFM", read: arcee },
  bloom: { models: "BLOOM", read: bloom },
  cohere: { models: "Command R, Aya", read: cohere },
  cohere2: { models: "Command R7B", read: cohere2 },
  ernie4_5: { models: "ERNIE 4.5, dense", read: ernie },
  exaone4: { models: "EXAONE 4", read: exaone4 },
  falcon: { models: "Falcon 7B, 40B, 180B, 2", read: falcon },
  gemma: { models: "Gemma 1, CodeGemma", read: gemma },
  gemma2: { models: "Gemma 2", read: gemma2 },
  gemma3: { models: "Gemma 3 with images, its text part", read: gemma3, wrapper: gemma3Images },
  gemma3_text: { models: "Gemma 3, text", read: gemma3 },
  glm: { models: "GLM 4 of 2024", read: glm },
  glm4: { models: "GLM 4 of 2025", read: glm4 },
  gpt2: { models: "GPT-2, DistilGPT-2, DialoGPT", read: gpt2 },
  gpt_bigcode: { models: "StarCoder 1, SantaCoder", read: gptBigcode },
  gpt_neo: { models: "GPT-Neo, TinyStories", read: gptNeo },
  gpt_neox: { models: "Pythia, GPT-NeoX, Dolly, StableLM alpha", read: gptNeox },
  gpt_oss: { models: "GPT-OSS, in bfloat16", read: gptOss },
  gptj: { models: "GPT-J", read: gptj },
  granite: { models: "Granite 3, dense", read: granite },
  helium: { models: "Helium", read: helium },
  hunyuan_v1_dense: { models: "Hunyuan, dense", read: hunyuan },
  llama: { models: "Llama 1 to 3.x, SmolLM 1 and 2, TinyLlama, Yi, Vicuna, DeepSeek Coder", read: llama },
  mistral: { models: "Mistral 7B, Nemo, Zephyr", read: mistral },
  mistral3: { models: "Mistral Small 3.1 and 3.2, their text part", read: mistral, wrapper: mistral3 },
  mixtral: { models: "Mixtral", read: mixtral },
  mpt: { models: "MPT", read: mpt },
  nemotron: { models: "Nemotron, Minitron", read: nemotron },
  olmo: { models: "OLMo 1", read: olmo },
  olmo2: { models: "OLMo 2", read: olmo2 },
  olmo3: { models: "OLMo 3", read: olmo3 },
  olmoe: { models: "OLMoE", read: olmoe },
  opt: { models: "OPT, Galactica", read: opt },
  phi: { models: "Phi 1 to 2", read: phi },
  phi3: { models: "Phi 3 and 4", read: phi3 },
  qwen2: { models: "Qwen 2 and 2.5", read: qwen2 },
  qwen3: { models: "Qwen 3", read: qwen3 },
  qwen3_moe: { models: "Qwen 3 with experts", read: qwen3Moe },
  smollm3: { models: "SmolLM 3", read: smollm3 },
  stablelm: { models: "StableLM 2, 3B, Zephyr", read: stablelm },
  starcoder2: { models: "StarCoder 2", read: starcoder2 },
};

/**
 * The families whose checkpoints are run as they are: `model_type` of config.json, and models that are of it.
 *
 * @example
 * ```ts
 * const gemma2 = knownFamilies().find(({ type }) => type === "gemma2");
 * if (gemma2?.models !== "Gemma 2") throw new Error(gemma2?.models);
 * ```
 */
export function knownFamilies(): { type: string; models: string }[] {
  return Object.entries(FAMILIES).map(([type, { models }]) => ({ type, models }));
}
