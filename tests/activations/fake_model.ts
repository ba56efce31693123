import {
  type BosRule,
  type Capture,
  type ChatMessage,
  type HookSite,
  type LanguageModel,
  ModelError,
  type Residual,
} from "../../src/model/mod.ts";
import { residualOf } from "../../src/model/outputs.ts";

const BOS = 2;
export const DIM = 3;
export const LAYERS = 4;

/** The sites that {@link FakeModel} has: one of the stream, one added to it, one of another width. */
const WIDTHS: ReadonlyMap<HookSite, number> = new Map([["resid_post", DIM], ["attn_out", DIM], ["z", 5]]);

/** The activation that {@link FakeModel} gives: prompt length, place and site are in it, so that a mix-up shows. */
export function fakeActivation(
  tokens: Int32Array,
  position: number,
  layer: number,
  at: HookSite = "resid_post",
): number[] {
  const stream = [tokens[position] + layer / 8, position, tokens.slice(0, position + 1).reduce((a, b) => a + b, 0)];
  if (at === "resid_post") return stream;
  return at === "attn_out" ? stream.map((value) => 7 - value) : [...stream, layer, 1];
}

/** A model of characters: one token a character, activations computed from tokens, padding that is NaN. */
export class FakeModel implements LanguageModel {
  readonly id = "fake";
  readonly layers = LAYERS;
  readonly dim: number;
  readonly streamDim = DIM;
  readonly vocab = 65536;
  readonly specialTokens = [BOS];
  readonly maxContext: number = Infinity;
  readonly device = "cpu";
  readonly dtype = "fp32";
  readonly weights = "onnx";
  readonly controlTokens = "text";
  readonly notes = [];
  readonly signal?: AbortSignal;
  /** Lengths of the prompts of every forward pass so far. */
  readonly passes: number[][] = [];
  /** Layers asked for at every forward pass so far. */
  readonly asked: (readonly number[])[] = [];
  /** Characters tokenized so far. */
  characters = 0;
  /** Captured activations not given back yet. */
  held = 0;

  /** @param root The model that counts, for the same model at another hook. */
  constructor(
    readonly hook: HookSite = "resid_post",
    readonly root?: FakeModel,
    readonly bos: BosRule = root?.bos ?? "always",
  ) {
    this.dim = widthAt(hook);
  }

  encode(text: string, context = Infinity): Int32Array<ArrayBuffer> {
    this.characters += text.length;
    const letters = Array.from(text, (c) => c.codePointAt(0)!);
    return Int32Array.from(this.bos === "never" ? letters : [BOS, ...letters]).slice(0, context);
  }

  encodeChat(messages: readonly ChatMessage[], context?: number): Int32Array<ArrayBuffer> {
    return this.encode(messages.map(({ role, content }) => `<${role}>${content}`).join("") + "<model>", context);
  }

  decode(tokens: ArrayLike<number>, options?: { skipSpecial?: boolean }): string {
    return Array.from(tokens, (t) => t !== BOS ? String.fromCodePoint(t) : options?.skipSpecial ? "" : "<bos>").join(
      "",
    );
  }

  capture(prompts: readonly Int32Array[], layers: readonly number[], at = this.hook): Promise<Capture> {
    this.signal?.throwIfAborted();
    const { root = this } = this;
    const dim = widthAt(at);
    root.passes.push(prompts.map((prompt) => prompt.length));
    root.asked.push(layers);
    const width = Math.max(...prompts.map((prompt) => prompt.length));
    const residuals = new Map<number, Residual>();
    for (const layer of layers) {
      const data = new Float32Array(prompts.length * width * dim).fill(NaN);
      prompts.forEach((tokens, i) =>
        tokens.forEach((_, p) => data.set(fakeActivation(tokens, p, layer, at), (i * width + p) * dim))
      );
      root.held++;
      residuals.set(layer, residualOf(dim, { data }, () => void root.held--));
    }
    return Promise.resolve({ batch: prompts.length, width, residuals });
  }

  withHook(at: HookSite): Promise<FakeModel> {
    return Promise.resolve(new FakeModel(at, this.root ?? this));
  }

  withSignal(signal: AbortSignal): FakeModel {
    const stopped = new FakeModel(this.hook, this.root ?? this);
    return Object.assign(stopped, { signal });
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
  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}

function widthAt(at: HookSite): number {
  const width = WIDTHS.get(at);
  if (width === undefined) throw new ModelError(`Expected one of the sites ${[...WIDTHS.keys()]} but got ${at}`);
  return width;
}
