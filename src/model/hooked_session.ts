/** The whole graph as a session that transformers.js runs, with hooks that it does not see. */
import type { GraphProto } from "../compute/onnx/codec.ts";
import type { InferenceSession, Tensor } from "../compute/ort.ts";
import type { Edit } from "./edits.ts";
import { hookFeeds } from "./feeds.ts";
import { addHooks } from "./intervene.ts";
import type { ModelFile, TensorMetadata } from "./model_file.ts";
import { keepOnDevice, runtimeFor, type SessionLike } from "./runtime.ts";
import { isBroken } from "./web_session.ts";

/**
 * Two sessions of the whole graph, each opened when it is first run: the file as it is, for runs without edits, and the
 * graph with hooks for the layers edited last.
 *
 * A hook breaks up what onnxruntime would fuse, which changes the last bits of a sum. So a run has hooks just where it
 * has edits: what it gives depends on nothing that was run before, and without edits it is the file's own output.
 */
export class HookedSession implements SessionLike {
  /** What the hooks do in the next runs, by layer. */
  edits: ReadonlyMap<number, Edit> = new Map();
  #plain?: Promise<InferenceSession>;
  #hooked?: Promise<InferenceSession>;
  #layers: readonly number[] = [];

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
    const all = { ...feeds, ...hooks };
    return await (Array.isArray(fetches) ? session.run(all, fetches) : session.run(all));
  }

  /** Closes the sessions; a later run opens them again. */
  async release(): Promise<void> {
    const sessions = [this.#plain, this.#hooked];
    this.#plain = this.#hooked = undefined;
    for (const session of sessions) await (await session)?.release();
  }

  async #open(): Promise<InferenceSession> {
    await this.#closeBroken();
    const layers = [...this.edits.keys()].sort((a, b) => a - b);
    if (layers.length === 0) {
      this.#plain ??= this.#openFile([]).catch((error) => (this.#plain = undefined, Promise.reject(error)));
      return await this.#plain;
    }
    if (layers.join() !== this.#layers.join()) {
      const last = this.#hooked;
      this.#hooked = undefined;
      await (await last)?.release();
      this.#layers = layers;
    }
    this.#hooked ??= this.#openFile(layers).catch((error) => (this.#hooked = undefined, Promise.reject(error)));
    return await this.#hooked;
  }

  /** Closes what a failed run broke; whoever ran it has let go of its outputs. */
  async #closeBroken(): Promise<void> {
    const [plain, hooked] = [await this.#plain, await this.#hooked];
    if (plain && isBroken(plain)) this.#plain = undefined, await plain.release();
    if (hooked && isBroken(hooked)) this.#hooked = undefined, await hooked.release();
  }

  #openFile(layers: readonly number[]): Promise<InferenceSession> {
    const { graph, device } = this.file;
    // The cache goes from step to step without leaving the device.
    const cache = keepOnDevice(device, this.outputNames.filter((name) => name.startsWith("present")));
    const edit = (model: GraphProto) => addHooks(model, graph.streams, layers, this.dim);
    return this.file.open(layers.length > 0 ? edit : undefined, cache);
  }

  async #hookFeeds(feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
    if (this.edits.size === 0) return {};
    const ort = await runtimeFor(this.file.device);
    const [batch, width] = feeds.input_ids.dims;
    const mask = feeds.attention_mask;
    // Without a mask no position is padding.
    const data = mask ? mask.data as BigInt64Array : new BigInt64Array(batch * width).fill(1n);
    return hookFeeds(ort, this.edits, { data, total: mask?.dims[1] ?? width, width });
  }
}
