/** Ctrl-C: the first asks the run to stop and save, the second ends the process at once. */

const SIGNAL = "SIGINT";
const EXIT_CODE = 130;

/** Listens for Ctrl-C until it is disposed. */
export class Interruption implements Disposable {
  /** What to do before the process ends. */
  readonly hooks: (() => void | Promise<void>)[] = [];
  readonly #controller = new AbortController();
  readonly #abandoned = Promise.withResolvers<never>();
  readonly #listener = () => this.#onSignal();
  #isWaitedFor = false;

  /** @param say Takes a sentence for the reader. */
  constructor(private readonly say: (text: string) => void) {
    this.#abandoned.promise.catch(() => {});
    Deno.addSignalListener(SIGNAL, this.#listener);
  }

  /** Aborted at the first Ctrl-C. Whoever asks for it is waited for. */
  get signal(): AbortSignal {
    this.#isWaitedFor = true;
    return this.#controller.signal;
  }

  /** The same for steps that stop at once where they are: nobody waits for them. */
  get stop(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether Ctrl-C came. */
  get isOn(): boolean {
    return this.#controller.signal.aborted;
  }

  /**
   * Waits for a run; throws when it was interrupted, even if it then came to an end by itself.
   */
  async guard(run: Promise<void>): Promise<void> {
    await Promise.race([run, this.#abandoned.promise]);
    this.#controller.signal.throwIfAborted();
  }

  /** Whether an error says no more than that there was a Ctrl-C. */
  caused(error: unknown): boolean {
    return error === this.#controller.signal.reason || (error as Error)?.name === "AbortError";
  }

  /** Runs the hooks, one after the other. */
  async runHooks(): Promise<void> {
    for (const hook of this.hooks) await hook();
  }

  #onSignal(): void {
    if (this.isOn) Deno.exit(EXIT_CODE);
    this.#controller.abort();
    if (this.#isWaitedFor) this.say("interrupted; stopping after the current step. Ctrl-C again ends at once.");
    else this.#abandoned.reject(this.#controller.signal.reason);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Stops listening. */
  dispose(): void {
    Deno.removeSignalListener(SIGNAL, this.#listener);
  }
}
