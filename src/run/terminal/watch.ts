import type { EndSignal } from "./end_signals.ts";

/** A thread that watches. */
export interface Watch {
  /** Once it listens, or cannot: whoever listens in this thread then ends the process when its turn comes. */
  readonly ready: Promise<void>;
  /** Ends the thread. */
  end(): void;
}

/**
 * Has a thread of its own end the process at the second signal, also while JavaScript computes without a pause and hears
 * of neither: an expression of a tokenizer that backtracks, a long loop.
 *
 * @param signals Those that end the run.
 */
export function watch(signals: readonly EndSignal[]): Watch {
  const worker = new Worker(import.meta.resolve("./watchdog.ts"), { type: "module", name: "watchdog" });
  const { promise, resolve } = Promise.withResolvers<void>();
  worker.onmessage = () => resolve();
  worker.onerror = (event) => {
    event.preventDefault();
    resolve();
  };
  worker.postMessage(signals);
  return { ready: promise, end: () => worker.terminate() };
}
