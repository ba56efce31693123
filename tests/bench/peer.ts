/** The NumPy port of `peer.py`, as a process that is asked line by line, so that it reads its arrays once. */

import type { RunTime } from "./timing.ts";

/** Pythons that may have NumPy: the user's, and the system's. */
const PYTHONS = ["python3", "/usr/bin/python3"];

const PROGRAM = new URL("peer.py", import.meta.url).pathname;

/** What workplaces set to steer OpenBLAS is not what anyone's NumPy runs under. */
const UNSET = ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"];

/**
 * Kernels of OpenBLAS that are tried beside those it takes by itself: an OpenBLAS that is older than the processor falls
 * back to ones of 2004, which are ten times as slow. The fastest are the peer's.
 */
const KERNELS = [undefined, "SapphireRapids", "SkylakeX", "Haswell"];

/** What a request may give back; what it took leaves reading and writing of files out. */
export interface PeerAnswer extends RunTime {
  /** Regions of a build. */
  readonly size: number;
  /** Thresholds of a calibration, and values of percentiles, in the order in which they were asked for. */
  readonly thresholds: readonly number[];
  readonly values: readonly number[];
}

/** A running peer; it ends when it is disposed. */
export class Peer implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: ReadableStreamDefaultReader<string>;
  #rest = "";

  private constructor(
    python: string,
    kernels: string | undefined,
    readonly versions: Readonly<Record<string, string>>,
  ) {
    this.#process = new Deno.Command(python, {
      args: [PROGRAM],
      ...{ clearEnv: true, env: environment(kernels), stdin: "piped", stdout: "piped", stderr: "inherit" } as const,
    }).spawn();
    this.#input = this.#process.stdin.getWriter();
    this.#lines = this.#process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Starts it with the first Python that has NumPy; `undefined` where none has. */
  static async start(): Promise<Peer | undefined> {
    for (const python of PYTHONS) {
      const tried: { kernels?: string; versions: Record<string, string> }[] = [];
      for (const kernels of KERNELS) {
        const versions = await versionsOf(python, kernels);
        if (versions) tried.push({ kernels, versions });
      }
      const [fastest] = tried.toSorted((a, b) => parseFloat(b.versions.product) - parseFloat(a.versions.product));
      if (!fastest) continue;
      const { kernels, versions } = fastest;
      return new Peer(python, kernels, { ...versions, blas: kernels ? `OpenBLAS as on ${kernels}` : "as it comes" });
    }
  }

  /** NumPy's name in tables. */
  get name(): string {
    return `NumPy ${this.versions.numpy}`;
  }

  /** Whether it can import a module beside NumPy. */
  has(module: "scipy" | "faiss"): boolean {
    return module in this.versions;
  }

  /**
   * Has it do one of the things that `peer.py` lists.
   *
   * @throws {Error} if it ended; what it said stands on stderr.
   */
  async ask(request: Readonly<Record<string, unknown>> & { readonly do: string }): Promise<PeerAnswer> {
    await this.#input.write(new TextEncoder().encode(`${JSON.stringify(request)}\n`));
    while (!this.#rest.includes("\n")) {
      const { value, done } = await this.#lines.read();
      if (done) throw new Error(`Expected the peer to answer "${request.do}" but it ended: see what it says above`);
      this.#rest += value;
    }
    const end = this.#rest.indexOf("\n");
    const answer = JSON.parse(this.#rest.slice(0, end));
    this.#rest = this.#rest.slice(end + 1);
    return answer;
  }

  /** Has it read float32 rows from a file, under a name for later requests. */
  async load(name: string, path: string, dim: number): Promise<void> {
    await this.ask({ do: "load", name, path, dim });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close();
    await this.#lines.cancel();
    await this.#process.status;
  }
}

/**
 * What a Python and its modules call themselves; `undefined` if it is not there, has no NumPy, or the processor lacks
 * what the kernels need.
 */
async function versionsOf(python: string, kernels?: string): Promise<Record<string, string> | undefined> {
  try {
    const { success, stdout } = await new Deno.Command(python, {
      args: [PROGRAM, "versions"],
      ...{ clearEnv: true, env: environment(kernels), stderr: "null" } as const,
    }).output();
    return success ? JSON.parse(new TextDecoder().decode(stdout)) : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function environment(kernels?: string): Record<string, string> {
  const own = Object.entries(Deno.env.toObject()).filter(([name]) => !UNSET.includes(name));
  return { ...Object.fromEntries(own), ...kernels && { OPENBLAS_CORETYPE: kernels } };
}
