/**
 * A decoder's graph at work: reads activations, gives logits with and without edits, pushes streams through its end.
 */
import type { GraphProto } from "../compute/onnx/codec.ts";
import type { InferenceSession, OrtRuntime, Tensor } from "../compute/ort.ts";
import type { Block } from "./blocks.ts";
import { captureName, cutTo } from "./cut.ts";
import type { Edit } from "./edits.ts";
import { hookFeeds, tokenFeeds } from "./feeds.ts";
import type { GraphInterface } from "./interface.ts";
import { prune } from "./graph.ts";
import { addHooks, hookedName } from "./intervene.ts";
import { cutToTail, LENS_INPUT } from "./lens.ts";
import { keepOnDevice } from "./runtime.ts";
import type { Sessions } from "./sessions.ts";
import { pad, type TokenBatch } from "./tokens.ts";

/** What a step leaves for the next, by the names of the inputs that take it. */
export type Cache = Record<string, Tensor>;

/** What a graph is known to be. */
export interface DecoderParts {
  readonly sessions: Sessions;
  readonly ort: OrtRuntime;
  readonly io: GraphInterface;
  readonly blocks: readonly Block[];
  /** Number that position ids start at. */
  readonly firstPosition: number;
}

/** Sessions of one graph, each opened with what it runs and no more. */
export class Decoder {
  readonly sessions: Sessions;
  readonly ort: OrtRuntime;
  readonly io: GraphInterface;
  readonly blocks: readonly Block[];
  readonly #firstPosition: number;
  readonly #logits: string;

  constructor({ sessions, ort, io, blocks, firstPosition }: DecoderParts) {
    this.sessions = sessions;
    this.ort = ort;
    this.io = io;
    this.blocks = blocks;
    this.#firstPosition = firstPosition;
    this.#logits = (io.outputs.find(({ name }) => name === "logits") ?? io.outputs[0]).name;
  }

  /**
   * Reads tensors, by name, for whole prompts.
   *
   * @param options `logits` gives these too, under `"logits"`; `onDevice` leaves tensors on the GPU.
   */
  async read(
    tokens: TokenBatch,
    tensors: readonly string[],
    edits: readonly Edit[] = [],
    options: { readonly logits?: boolean; readonly onDevice?: boolean } = {},
  ): Promise<Map<string, Tensor>> {
    // What is edited is read behind its edit.
    const shown = tensors.map((tensor) => edits.some((edit) => edit.tensor === tensor) ? hookedName(tensor) : tensor);
    const kept = options.logits ? [this.#logits] : [];
    const names = [...shown.map(captureName), ...kept];
    const cut = (graph: GraphProto) => {
      addHooks(graph, edits);
      cutTo(graph, shown, kept);
    };
    const key = JSON.stringify(["read", names, edits.map(kindOf), options]);
    const outputs = await this.sessions.run(
      key,
      cut,
      options.onDevice ? keepOnDevice(this.sessions.device, names) : {},
      (session) => this.#run(session, tokens, edits, undefined, names),
    );
    return new Map([...tensors, ...options.logits ? ["logits"] : []].map((tensor, i) => [tensor, outputs[names[i]]]));
  }

  /**
   * Runs the whole graph, as its file has it where there are no edits: a hook breaks up what onnxruntime would fuse,
   * which changes the last bits of a sum.
   *
   * @param cache What the step before left; the tokens fed follow on it.
   */
  async step(
    tokens: TokenBatch,
    edits: readonly Edit[],
    cache?: Cache,
  ): Promise<{ readonly logits: Tensor; readonly cache: Cache }> {
    const outputs = await this.#whole(tokens, edits, cache, [
      this.#logits,
      ...this.io.caches.map(({ present }) => present),
    ]);
    const next = Object.fromEntries(this.io.caches.map(({ name, present }) => [name, outputs[present]]));
    return { logits: outputs[this.#logits], cache: next };
  }

  /** Logits of whole prompts, without what a next step would need. */
  async logits(tokens: TokenBatch, edits: readonly Edit[]): Promise<Tensor> {
    return (await this.#whole(tokens, edits, undefined, [this.#logits]))[this.#logits];
  }

  #whole(
    tokens: TokenBatch,
    edits: readonly Edit[],
    cache: Cache | undefined,
    names: readonly string[],
  ): Promise<InferenceSession.ReturnType> {
    return this.sessions.run(
      JSON.stringify(["whole", edits.map(kindOf)]),
      (graph) => {
        addHooks(graph, edits);
        prune(graph);
      },
      // The cache goes from step to step without leaving the device.
      keepOnDevice(this.sessions.device, this.io.caches.map(({ present }) => present)),
      (session) => this.#run(session, tokens, edits, cache, names),
    );
  }

  /**
   * Pushes streams after the last block through the final norm and the unembedding.
   *
   * @param stream `[batch, sequence, dim]` float32.
   * @param isFlat Whether the graph has its stream in this shape.
   */
  async unembed(stream: Tensor, isFlat: boolean): Promise<Tensor> {
    const final = this.blocks.at(-1)!.resid_post;
    const [batch, width, dim] = stream.dims;
    // Behind the last block each position is on its own: tokens and masks that the tail still asks for may be any.
    const blank = pad(Array.from({ length: batch }, () => new Int32Array(width)), "right", 0);
    const outputs = await this.sessions.run("tail", (graph) => cutToTail(graph, final, dim, isFlat), {}, (session) => {
      const feeds = tokenFeeds(this.ort, this.io, session.inputNames, blank, this.#firstPosition);
      return session.run({ ...feeds, [LENS_INPUT]: stream });
    });
    return outputs[this.#logits];
  }

  #run(
    session: InferenceSession,
    tokens: TokenBatch,
    edits: readonly Edit[],
    cache: Cache | undefined,
    names: readonly string[],
  ): Promise<InferenceSession.ReturnType> {
    // A hook beyond what is read was cut off, and its inputs with it.
    const hooks = Object.entries(hookFeeds(this.ort, edits, tokens)).filter(([name]) =>
      session.inputNames.includes(name)
    );
    const feeds = {
      ...tokenFeeds(this.ort, this.io, session.inputNames, tokens, this.#firstPosition, cache),
      ...Object.fromEntries(hooks),
    };
    return session.run(feeds, names);
  }
}

/** What tells the graph of one edit from that of another. */
export function kindOf({ key, edits, replaces }: Edit): string {
  return `${key} ${edits ? "edits" : ""} ${replaces ? "replaces" : ""}`;
}
