import type { LanguageModel } from "./types.ts";

/**
 * A model that reads what another one reads: its own weights, the other's tokenizer and chat template. A base model
 * seldom has a template of its own, and activations of two models are compared on the same token ids only.
 *
 * @param model Whose weights are run.
 * @param other Whose tokenizer, chat template and `<bos>` are taken.
 * @returns A view of `model`: disposing it disposes that.
 * @throws {Error} if their vocabularies or their tokens of a sample text differ.
 *
 * @example
 * ```ts
 * import { loadModel } from "./load.ts";
 *
 * await using chat = await loadModel("fixtures/gemma-2-toy-it", { device: "cpu" });
 * await using base = sameTokens(await loadModel("fixtures/gemma-2-toy", { device: "cpu" }), chat);
 * const [own, others] = [base, chat].map((model) => model.encodeChat([{ role: "user", content: "Name a colour." }]));
 * if (own.join() !== others.join()) throw new Error(`${own} ${others}`);
 * ```
 */
export function sameTokens(model: LanguageModel, other: LanguageModel): LanguageModel {
  const [own, others] = [model, other].map((each) => each.encode(SAMPLE).join());
  if (model.vocab !== other.vocab || own !== others) {
    throw new Error(
      `Expected two models of one tokenizer but ${model.id} (${model.vocab} tokens) and ${other.id} (${other.vocab}) ` +
        "read the same text differently: compare a model with its own finetuning",
    );
  }
  return {
    id: model.id,
    layers: model.layers,
    hook: model.hook,
    dim: model.dim,
    streamDim: model.streamDim,
    vocab: model.vocab,
    specialTokens: other.specialTokens,
    maxContext: model.maxContext,
    device: model.device,
    dtype: model.dtype,
    weights: model.weights,
    bos: other.bos,
    controlTokens: other.controlTokens,
    templateDate: other.templateDate,
    notes: model.notes,
    ...(model.signal && { signal: model.signal }),
    withHook: async (at) => sameTokens(await model.withHook(at), other),
    withSignal: (signal) => sameTokens(model.withSignal(signal), other),
    encode: (text, context) => other.encode(text, context),
    encodeChat: (messages, context) => other.encodeChat(messages, context),
    decode: (tokens, options) => other.decode(tokens, options),
    capture: (prompts, layers, at) => model.capture(prompts, layers, at),
    logits: (prompts, interventions) => model.logits(prompts, interventions),
    generate: (prompts, options) => model.generate(prompts, options),
    lens: (directions, rows, k) => model.lens(directions, rows, k),
    dispose: () => model.dispose(),
    [Symbol.asyncDispose]: () => model.dispose(),
  };
}

const SAMPLE = 'It\'s 12:30, she said.\n\tfor (let i = 0; i < n; i++) print("naïve Привет 你好");';
