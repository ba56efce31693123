/** The whole graph as a session that transformers.js runs, with hooks that it does not see. */
import type { InferenceSession, Tensor } from "../compute/ort.ts";
import type { Edit } from "./edits.ts";
import { hookFeeds } from "./feeds.ts";
import { addHooks } from "./intervene.ts";
import type { ModelFile, TensorMetadata } from "./model_file.ts";
import { runSession, runtimeFor, type SessionLike } from "./runtime.ts";

/**
 * A session of the whole graph, opened when it is first run, with hooks for every layer edited so far.
 *
 * A layer that is edited for the first time closes the session and opens one that has its hook too, so there is never
 * more than one copy of the weights. Hooks that have nothing to do leave the stream as it is, bit for bit.
 */
export class HookedSession implements SessionLike {
  /** What the hooks do in the next runs, by layer. */
  edits: ReadonlyMap<number, Edit> = new Map();
  #hooked: number[] = [];
  #session?: Promise<InferenceSession>;

  constructor(readonly file: ModelFile, readonly dim: number) {}

  get inputMetadata(): readonly TensorMetadata[] {
    return this.file.graph.inputs;
  }
  get outputMetadata(): readonly TensorMetadata[] {
    return this.file.graph.outputs;
  }
  get inputNames(): readonly string[] {
    return this.inputMetadata.map((input) => input.name);
  }
  get outputNames(): readonly string[] {
    return this.outputMetadata.map((output) => output.name);
  }

  /** Runs the graph under {@link edits}. `fetches`: the outputs wanted, all if absent. */
  async run(
    feeds: InferenceSession.FeedsType,
    fetches?: readonly string[] | InferenceSession.RunOptions,
  ): Promise<InferenceSession.ReturnType> {
    const session = await this.#open();
    const hooks = await this.#hookFeeds(feeds as Record<string, Tensor>);
    const names = Array.isArray(fetches) ? fetches : undefined;
    return await runSession(this.file.device, session, { ...feeds, ...hooks }, names);
  }

  /** Closes the session; a later run opens it again. */
  async release(): Promise<void> {
    const session = await this.#session;
    this.#session = undefined;
    await session?.release();
  }

  async #open(): Promise<InferenceSession> {
    const missing = [...this.edits.keys()].filter((layer) => !this.#hooked.includes(layer));
    if (missing.length > 0) {
      await this.release();
      this.#hooked = [...this.#hooked, ...missing].sort((a, b) => a - b);
    }
    const { graph, device } = this.file;
    // The cache goes from step to step without leaving the device.
    const cached = device === "webgpu" ? this.outputNames.filter((name) => name.startsWith("present")) : [];
    const preferredOutputLocation = Object.fromEntries(cached.map((name) => [name, "gpu-buffer"] as const));
    const edit = this.#hooked.length > 0
      ? (model: Parameters<typeof addHooks>[0]) => addHooks(model, graph.streams, this.#hooked, this.dim)
      : undefined;
    this.#session ??= this.file.open(edit, cached.length > 0 ? { preferredOutputLocation } : {});
    try {
      return await this.#session;
    } catch (error) {
      this.#session = undefined;
      throw error;
    }
  }

  async #hookFeeds(feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
    if (this.#hooked.length === 0) return {};
    const ort = await runtimeFor(this.file.device);
    const [batch, width] = feeds.input_ids.dims;
    const mask = feeds.attention_mask;
    // Without a mask no position is padding.
    const data = mask ? mask.data as BigInt64Array : new BigInt64Array(batch * width).fill(1n);
    return hookFeeds(ort, this.#hooked, this.edits, this.dim, { data, total: mask?.dims[1] ?? width, width });
  }
}
