/** Signals that end a run: the first asks it to stop and save, the second ends the process at once. */
import { type EndSignal, EXIT_CODES, Presses, TEXTS } from "./end_signals.ts";
import { isHangUpIgnored } from "./hang_up.ts";
import { type Watch, watch } from "./watch.ts";

/**
 * Listens for Ctrl-C (SIGINT), and for SIGTERM and SIGHUP where there are such signals, until it is disposed.
 * A run that was started with `nohup deno run` hears no SIGHUP; where `deno task` starts it, that takes it for itself.
 */
export class Interruption implements Disposable {
  /** What to do before the process ends. */
  readonly hooks: (() => void | Promise<void>)[] = [];
  readonly #controller = new AbortController();
  readonly #abandoned = Promise.withResolvers<never>();
  readonly #listeners: readonly (readonly [EndSignal, () => void])[];
  readonly #presses = new Presses();
  readonly #watch: Watch | undefined;
  #isWaitedFor = false;
  #first: EndSignal = "SIGINT";

  /**
   * @param say Takes a sentence for the reader.
   * @param processName What the run calls itself where it is the whole process, which then answers a signal whatever it
   * computes, and ends at the second; default it is not.
   */
  constructor(private readonly say: (text: string) => void, processName?: string) {
    this.#abandoned.promise.catch(() => {});
    const isIgnored = isHangUpIgnored();
    const signals = Deno.build.os === "windows" ? ["SIGINT"] as const : ["SIGINT", "SIGTERM", "SIGHUP"] as const;
    // What is ignored needs a listener that does nothing: Deno would end the process.
    this.#listeners = signals.map((signal) => [
      signal,
      signal === "SIGHUP" && isIgnored ? () => {} : () => this.#onSignal(signal),
    ]);
    for (const [signal, listener] of this.#listeners) Deno.addSignalListener(signal, listener);
    const heard = signals.filter((signal) => signal !== "SIGHUP" || !isIgnored);
    this.#watch = processName === undefined ? undefined : watch(heard, processName);
  }

  /** Aborted at the first signal. Whoever asks for it is waited for. */
  get signal(): AbortSignal {
    this.#isWaitedFor = true;
    return this.#controller.signal;
  }

  /** Aborted at an interruption too, for steps that stop at once where they are: nobody waits for them. */
  get stop(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether a signal came. */
  get isOn(): boolean {
    return this.#controller.signal.aborted;
  }

  /** What the process ends with after the signal that came first. */
  get exitCode(): number {
    return EXIT_CODES[this.#first];
  }

  /**
   * Waits for a run; throws when it was interrupted, even if it then came to an end by itself.
   */
  async guard(run: () => Promise<void>): Promise<void> {
    await this.#watch?.ready;
    await Promise.race([run(), this.#abandoned.promise]);
    this.#controller.signal.throwIfAborted();
  }

  /** Whether an error says no more than that there was a signal. */
  caused(error: unknown): boolean {
    return error === this.#controller.signal.reason || (error as Error)?.name === "AbortError";
  }

  /** Takes what the run does now, which is told at a signal that it does not hear for a while. */
  doing(what: string | undefined): void {
    this.#watch?.doing(what);
  }

  /** Runs the hooks, one after the other. */
  async runHooks(): Promise<void> {
    for (const hook of this.hooks) await hook();
  }

  #onSignal(signal: EndSignal): void {
    this.#watch?.heard();
    const press = this.#presses.take();
    if (press === "again") Deno.exit(EXIT_CODES[signal]);
    if (press === "echo") return;
    this.#first = signal;
    this.#controller.abort();
    const [came, again] = TEXTS[signal];
    if (this.#isWaitedFor) this.say(`${came}; stopping after the current step. ${again}.`);
    else this.#abandoned.reject(this.#controller.signal.reason);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Stops listening. */
  dispose(): void {
    this.#watch?.end();
    for (const [signal, listener] of this.#listeners) Deno.removeSignalListener(signal, listener);
  }
}
