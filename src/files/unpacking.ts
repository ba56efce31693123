/** How much compressed files may unpack to: a file of a few megabytes can claim, and be, a thousand times as much. */
import type { OptionKinds } from "../compute/known_options.ts";

/** Bytes that a compressed file may unpack to where nothing else is said. */
export const MAX_UNPACKED = 2e9;

/** A limit for compressed files. */
export interface UnpackOptions {
  /** Bytes that a compressed file may unpack to, of Parquet each row group, of Arrow each record batch; default 2e9. What is stored as it is does not count. */
  readonly maxUnpacked?: number;
}

/** The kinds of {@linkcode UnpackOptions}. */
export const UNPACK_OPTIONS: OptionKinds<UnpackOptions> = { maxUnpacked: "number" };

/**
 * A file that would unpack to more than is allowed, told before that is done. Of a corpus it is the cause of a
 * `CorpusError`.
 *
 * @example
 * ```ts
 * import { assertRejects } from "@std/assert";
 * import { readNpz } from "./npz.ts";
 * import { ZipWriter } from "./zip.ts";
 *
 * const path = await Deno.makeTempFile({ suffix: ".npz" });
 * const archive = new ZipWriter(await Deno.create(path));
 * await archive.add("zeros.npy", new Blob([new Uint8Array(9000)]).stream());
 * await archive.close();
 * await assertRejects(() => readNpz(path, ["zeros"], { maxUnpacked: 5000 }), UnpackError, "takes 9000 or more");
 * await Deno.remove(path);
 * ```
 */
export class UnpackError extends Error {
  /** Tells it from other errors. */
  override name = "UnpackError";
}

let usual = MAX_UNPACKED;

/**
 * Sets what all readers of this process go by, where a call says nothing else.
 *
 * @param bytes As {@linkcode UnpackOptions.maxUnpacked}.
 * @returns Puts the former limit back.
 *
 * @example
 * ```ts
 * import { assertRejects } from "@std/assert";
 * import { CorpusError, readCorpus } from "../activations/mod.ts";
 *
 * const corpus = "fixtures/corpora/axbench/latent_eval_data.parquet";
 * const read = () => Array.fromAsync(readCorpus(corpus, { field: "input" }));
 * const restore = configureUnpacking(5000);
 * await assertRejects(read, CorpusError, "to unpack to at most 5000 bytes");
 * restore();
 * if ((await read()).length === 0) throw new Error("The usual limit allows it");
 * ```
 */
export function configureUnpacking(bytes: number): () => void {
  const before = usual;
  usual = bytes;
  return () => void (usual = before);
}

/** What a file may still unpack to. */
export class UnpackBudget {
  readonly #most: number;
  #taken = 0;

  /**
   * @param path The file, for the sentence.
   * @throws {RangeError} if the limit is no number above 0.
   */
  constructor(private readonly path: string, { maxUnpacked = usual }: UnpackOptions = {}) {
    if (!(maxUnpacked > 0)) throw new RangeError(`Expected maxUnpacked to be bytes above 0 but got ${maxUnpacked}`);
    this.#most = maxUnpacked;
  }

  /** Bytes that are left. */
  get left(): number {
    return this.#most - this.#taken;
  }

  /**
   * Takes bytes of the budget, before they are unpacked.
   *
   * @throws {UnpackError} A sentence if there are not so many left.
   */
  take(bytes: number): void {
    this.#taken += bytes;
    if (this.#taken <= this.#most) return;
    throw new UnpackError(
      `Expected ${this.path} to unpack to at most ${this.#most} bytes but it takes ${this.#taken} or more: if that is right, ` +
        "allow it with --max-unpacked, or the option maxUnpacked",
    );
  }
}
