/** The sessions that a model has open, each of one form of its graph. */
import type { BackendName } from "../compute/backend.ts";
import type { GraphProto } from "../compute/onnx/codec.ts";
import type { InferenceSession, Tensor } from "../compute/ort.ts";
import { ModelError } from "./error.ts";
import type { GraphFile } from "./graph_file.ts";
import { hasAnswered, isBroken } from "./web_session.ts";

/** Weights that sessions of small models hold together, at least. */
const SMALL = 2 ** 28;

/** A session that is open, or opens. */
interface Entry {
  readonly session: Promise<InferenceSession>;
  bytes: number;
  /** Runs that go on. */
  readonly running: Set<Promise<unknown>>;
  /** Runs that go on, and outputs on the GPU that must not outlive the session. */
  users: number;
}

/** Part of the whole model's weights that sessions hold together at most, unless one alone holds more. */
const SHARE = 3 / 4;

/**
 * Opens sessions when they are first needed and closes those used longest ago when all together would hold more weights
 * than a part of the whole model's: each session maps or holds its own, and what they compute takes memory too.
 */
export class Sessions {
  /** Those used last at the end. */
  readonly #open = new Map<string, Entry>();
  /** Broken ones whose outputs may be in use. */
  readonly #retired: InferenceSession[] = [];
  #isClosed = false;

  constructor(readonly file: GraphFile, readonly device: BackendName) {}

  /**
   * Runs the session of an edited graph: opened when it is first needed, and anew after a run of it failed on WebGPU.
   *
   * @param key Tells this edit from others.
   * @throws {ModelError} if they were closed for good.
   */
  async run(
    key: string,
    edit: (graph: GraphProto) => void,
    options: InferenceSession.SessionOptions,
    run: (session: InferenceSession) => Promise<InferenceSession.ReturnType>,
  ): Promise<InferenceSession.ReturnType> {
    if (this.#isClosed) {
      throw new ModelError("Expected a model in use but found a disposed one: dispose it after its last use");
    }
    // No `await` until the entry is in its place: a second run of this key finds it and opens no session of its own.
    const entry = this.#open.get(key) ?? this.#start(edit, options);
    // Deleted and set again it stands at the end, as the one used last.
    this.#open.delete(key);
    this.#open.set(key, entry);
    entry.users++;
    try {
      const outputs = await tracked(entry, entry.session.then(run));
      for (const tensor of Object.values(outputs)) if (tensor.location === "gpu-buffer") hold(entry, tensor);
      return outputs;
    } catch (error) {
      await this.#drop(key, entry);
      throw error;
    } finally {
      entry.users--;
    }
  }

  /** Closes all when their runs have ended. A later use opens anew. */
  async release(): Promise<void> {
    const entries = [...this.#open.values()];
    this.#open.clear();
    for (const session of this.#retired.splice(0)) await session.release();
    for (const { session, running } of entries) {
      await Promise.allSettled(running);
      await (await session.catch(() => undefined))?.release();
    }
  }

  /** Closes all when their runs have ended, for good. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.release();
  }

  /** Forgets a session that could not be opened, or that a failed run broke. */
  async #drop(key: string, entry: Entry): Promise<void> {
    const session = await entry.session.catch(() => undefined);
    if ((session && !isBroken(session)) || this.#open.get(key) !== entry) return;
    this.#open.delete(key);
    // Its outputs may still be read on the GPU: it goes when all are released.
    if (session && hasAnswered(session)) this.#retired.push(session);
    else await session?.release();
  }

  #start(edit: (graph: GraphProto) => void, options: InferenceSession.SessionOptions): Entry {
    const { promise, resolve, reject } = Promise.withResolvers<InferenceSession>();
    const entry: Entry = { session: promise, running: new Set(), bytes: 0, users: 0 };
    const prepared = this.file.edited(edit);
    entry.bytes = prepared.bytes;
    this.#makeRoomFor(entry)
      .then(() => this.file.open(this.device, prepared.model, options))
      .then(resolve, reject);
    return entry;
  }

  /** Closes idle sessions, the one used longest ago first, until another fits. */
  async #makeRoomFor(entry: Entry): Promise<void> {
    const budget = Math.max(SHARE * this.file.weightBytes, SMALL);
    for (const [key, { session, users }] of this.#open) {
      const others = this.#open.values().filter((other) => other !== entry);
      if (others.reduce((sum, { bytes }) => sum + bytes, entry.bytes) <= budget) return;
      if (users > 0) continue;
      this.#open.delete(key);
      await (await session.catch(() => undefined))?.release();
    }
  }
}

/** A run, known to its session until it ends. */
function tracked<T>({ running }: Entry, run: Promise<T>): Promise<T> {
  running.add(run);
  return run.finally(() => running.delete(run));
}

/** Keeps a session open until an output of it is given back. */
function hold(entry: Entry, tensor: Tensor): void {
  const dispose = tensor.dispose.bind(tensor);
  let held = true;
  entry.users++;
  tensor.dispose = () => {
    if (!held) return;
    held = false;
    dispose();
    entry.users--;
  };
}
