/** The sessions that a model has open, each of one form of its graph. */
import type { BackendName } from "../compute/backend.ts";
import type { GraphProto } from "../compute/onnx/codec.ts";
import type { InferenceSession } from "../compute/ort.ts";
import type { GraphFile } from "./graph_file.ts";

/** Weights that sessions of small models hold together, at least. */
const SMALL = 2 ** 28;

interface Entry {
  readonly session: Promise<InferenceSession>;
  bytes: number;
  /** Runs that go on. */
  users: number;
}

/**
 * Opens sessions when they are first needed and closes those used longest ago when all together would hold more weights
 * than the whole model has: each session maps or holds its own.
 */
export class Sessions {
  /** Those used last at the end. */
  readonly #open = new Map<string, Entry>();

  constructor(readonly file: GraphFile, readonly device: BackendName) {}

  /**
   * Runs `action` with the session of an edited graph.
   *
   * @param key Tells this edit from others.
   */
  async use<T>(
    key: string,
    edit: (graph: GraphProto) => void,
    options: InferenceSession.SessionOptions,
    action: (session: InferenceSession) => Promise<T>,
  ): Promise<T> {
    const entry = this.#open.get(key) ?? this.#start(edit, options);
    this.#open.delete(key);
    this.#open.set(key, entry);
    entry.users++;
    try {
      return await action(await entry.session);
    } catch (error) {
      // A session that could not be opened is tried anew the next time.
      await entry.session.catch(() => this.#open.delete(key));
      throw error;
    } finally {
      entry.users--;
    }
  }

  /** Closes all. A later use opens anew. */
  async release(): Promise<void> {
    const entries = [...this.#open.values()];
    this.#open.clear();
    for (const { session } of entries) await (await session.catch(() => undefined))?.release();
  }

  #start(edit: (graph: GraphProto) => void, options: InferenceSession.SessionOptions): Entry {
    const { promise, resolve, reject } = Promise.withResolvers<InferenceSession>();
    const entry: Entry = { session: promise, bytes: 0, users: 0 };
    const prepared = this.file.edited(edit);
    entry.bytes = prepared.bytes;
    this.#makeRoomFor(entry)
      .then(() => this.file.open(this.device, prepared.model, options))
      .then(resolve, reject);
    return entry;
  }

  /** Closes idle sessions, the one used longest ago first, until another fits. */
  async #makeRoomFor(entry: Entry): Promise<void> {
    const budget = Math.max(this.file.weightBytes, SMALL);
    for (const [key, { session, users }] of this.#open) {
      const others = this.#open.values().filter((other) => other !== entry);
      if (others.reduce((sum, { bytes }) => sum + bytes, entry.bytes) <= budget) return;
      if (users > 0) continue;
      this.#open.delete(key);
      await (await session.catch(() => undefined))?.release();
    }
  }
}
