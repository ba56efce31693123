/** A model without interventions is the model, also after runs that had some. */
import { assertEquals, assertGreater, assertLess } from "@std/assert";
import type { BackendName } from "../../src/compute/mod.ts";
import { loadModel } from "../../src/model/mod.ts";
import { loadTransformers } from "../../src/model/runtime.ts";
import { skipWebGpu } from "../lib/backends.ts";
import { assertSameBits, everywhere, largestDifference, ORT_TEST, prompts, runPlain, TOY_IT } from "./toy.ts";

const CHAT = ["Give three tips for staying healthy.", "Name a color."];

for (const device of ["cpu", "webgpu"] as const) {
  const ignore = device === "webgpu" && skipWebGpu;
  Deno.test({
    name: `without interventions no logit and no text is changed, also after runs that had some [${device}]`,
    ignore,
    ...ORT_TEST,
    fn: () => idle(device),
  });
}

async function idle(device: BackendName): Promise<void> {
  await using model = await loadModel(TOY_IT, { device });
  const batch = device === "cpu" ? prompts(model) : prompts(model).slice(0, 2);
  const maxNewTokens = device === "cpu" ? 30 : 4;
  const chats = CHAT.map((content) => model.encodeChat([{ role: "user", content }]));
  const { logits: plain } = await runPlain(TOY_IT, device, batch, ["logits"]);

  const unhooked = await model.logits(batch);
  assertEquals([unhooked.batch, unhooked.vocab], [batch.length, model.vocab]);
  if (device === "cpu") assertSameBits(unhooked.data, plain);

  // A software GPU takes a second for every few hooks.
  const hooks = device === "cpu" ? everywhere(model) : everywhere(model).slice(3, 5);
  const changed = await model.logits(batch, hooks);
  assertGreater(largestDifference(changed.data, plain, batch, model.vocab), 0.1);
  const idle = await model.logits(batch);
  if (device === "cpu") assertSameBits(idle.data, plain);
  else assertLess(largestDifference(idle.data, plain, batch, model.vocab), 1e-4);

  assertEquals(await model.generate(chats, { maxNewTokens }), await plainTexts(device, chats, maxNewTokens));
}

/** Greedy texts of transformers.js alone, one prompt at a time. */
async function plainTexts(
  device: BackendName,
  chats: readonly Int32Array[],
  max_new_tokens: number,
): Promise<string[]> {
  const { AutoModelForCausalLM, AutoTokenizer, Tensor } = await loadTransformers();
  const tokenizer = await AutoTokenizer.from_pretrained(TOY_IT);
  const model = await AutoModelForCausalLM.from_pretrained(TOY_IT, {
    device: "auto",
    dtype: "fp32",
    session_options: { executionProviders: [device] },
  });
  const texts: string[] = [];
  for (const chat of chats) {
    const input_ids = new Tensor("int64", BigInt64Array.from(chat, BigInt), [1, chat.length]);
    const attention_mask = new Tensor("int64", new BigInt64Array(chat.length).fill(1n), [1, chat.length]);
    // deno-lint-ignore no-explicit-any -- the published type wants every generation setting.
    const sequences: any = await model.generate({ input_ids, attention_mask, max_new_tokens, do_sample: false } as any);
    texts.push(tokenizer.decode(sequences.tolist()[0].slice(chat.length), { skip_special_tokens: true }));
  }
  await model.dispose();
  return texts;
}
