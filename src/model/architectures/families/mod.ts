/** All families, by the `model_type` of config.json. */
import { bloom, falcon, mpt } from "./alibi.ts";
import { cohere, cohere2 } from "./cohere.ts";
import type { Family } from "./common.ts";
import { exaone4 } from "./exaone4.ts";
import { gemma, gemma2, gemma3 } from "./gemma.ts";
import { arcee, ernie, glm, glm4, helium, hunyuan, nemotron } from "./glm.ts";
import { gpt2, gptBigcode, gptNeo } from "./gpt2.ts";
import { gptj, gptNeox } from "./gpt_neox.ts";
import { granite } from "./granite.ts";
import { llama } from "./llama.ts";
import { mistral, mixtral } from "./mistral.ts";
import { olmo, olmo2, olmo3, olmoe } from "./olmo.ts";
import { opt } from "./opt.ts";
import { phi, phi3 } from "./phi.ts";
import { qwen2, qwen3, qwen3Moe } from "./qwen.ts";
import { smollm3 } from "./smollm3.ts";
import { stablelm, starcoder2 } from "./stablelm.ts";

/** What is known of each family. */
export const FAMILIES: Readonly<Record<string, Family>> = {
  arcee,
  bloom,
  cohere,
  cohere2,
  ernie4_5: ernie,
  exaone4,
  falcon,
  gemma,
  gemma2,
  gemma3_text: gemma3,
  glm,
  glm4,
  gpt2,
  gpt_bigcode: gptBigcode,
  gpt_neo: gptNeo,
  gpt_neox: gptNeox,
  gptj,
  granite,
  helium,
  hunyuan_v1_dense: hunyuan,
  llama,
  mistral,
  mixtral,
  mpt,
  nemotron,
  olmo,
  olmo2,
  olmo3,
  olmoe,
  opt,
  phi,
  phi3,
  qwen2,
  qwen3,
  qwen3_moe: qwen3Moe,
  smollm3,
  stablelm,
  starcoder2,
};
