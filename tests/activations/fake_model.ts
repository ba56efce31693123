import type { Capture, ChatMessage, LanguageModel, Residual } from "../../src/model/types.ts";

const BOS = 2;
export const DIM = 3;
export const LAYERS = 4;

/** The activation that {@link FakeModel} gives: prompt length and place are in it, so that a mix-up shows. */
export function fakeActivation(tokens: Int32Array, position: number, layer: number): number[] {
  return [tokens[position] + layer / 8, position, tokens.slice(0, position + 1).reduce((a, b) => a + b, 0)];
}

/** A model of characters: one token a character, activations computed from tokens, padding that is NaN. */
export class FakeModel implements LanguageModel {
  readonly id = "fake";
  readonly layers = LAYERS;
  readonly hook = "resid_post";
  readonly dim = DIM;
  readonly streamDim = DIM;
  readonly vocab = 65536;
  readonly device = "cpu";
  readonly dtype = "fp32";
  readonly bos = "always";
  readonly notes = [];
  /** Lengths of the prompts of every forward pass so far. */
  readonly passes: number[][] = [];
  /** Layers asked for at every forward pass so far. */
  readonly asked: (readonly number[])[] = [];
  /** Characters tokenized so far. */
  characters = 0;
  /** Residual streams not given back yet. */
  held = 0;

  encode(text: string, context = Infinity): Int32Array<ArrayBuffer> {
    this.characters += text.length;
    return Int32Array.from([BOS, ...Array.from(text, (c) => c.codePointAt(0)!)].slice(0, context));
  }

  encodeChat(messages: readonly ChatMessage[], context?: number): Int32Array<ArrayBuffer> {
    return this.encode(messages.map(({ role, content }) => `<${role}>${content}`).join("") + "<model>", context);
  }

  decode(tokens: ArrayLike<number>, options?: { skipSpecial?: boolean }): string {
    return Array.from(tokens, (t) => t !== BOS ? String.fromCodePoint(t) : options?.skipSpecial ? "" : "<bos>").join(
      "",
    );
  }

  capture(prompts: readonly Int32Array[], layers: readonly number[]): Promise<Capture> {
    this.passes.push(prompts.map((prompt) => prompt.length));
    this.asked.push(layers);
    const width = Math.max(...prompts.map((prompt) => prompt.length));
    const residuals = new Map<number, Residual>();
    for (const layer of layers) {
      const data = new Float32Array(prompts.length * width * DIM).fill(NaN);
      prompts.forEach((tokens, i) =>
        tokens.forEach((_, p) => data.set(fakeActivation(tokens, p, layer), (i * width + p) * DIM))
      );
      this.held++;
      residuals.set(layer, { dim: DIM, data, dispose: () => void this.held-- });
    }
    return Promise.resolve({ batch: prompts.length, width, residuals });
  }

  withHook(): never {
    throw new Error("unused");
  }

  logits(): never {
    throw new Error("not for logits");
  }
  generate(): never {
    throw new Error("not for generation");
  }
  lens(): never {
    throw new Error("not for the logit lens");
  }
  dispose(): Promise<void> {
    return Promise.resolve();
  }
}
