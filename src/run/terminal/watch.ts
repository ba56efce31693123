import type { EndSignal } from "./end_signals.ts";

/** What the watching thread is told. */
export type WatchMessage =
  /** What to listen for, and what the run calls itself. */
  | { readonly kind: "listen"; readonly signals: readonly EndSignal[]; readonly name: string }
  /** What the run does now. */
  | { readonly kind: "doing"; readonly what?: string }
  /** That the run has heard of a signal itself. */
  | { readonly kind: "heard" };

/** A thread that watches. */
export interface Watch {
  /** Once it listens, or cannot: whoever listens in this thread then ends the process when its turn comes. */
  readonly ready: Promise<void>;
  /** Takes what the run does now. */
  doing(what?: string): void;
  /** Takes that the run has heard of a signal itself. */
  heard(): void;
  /** Ends the thread. */
  end(): void;
}

/**
 * Has a thread of its own answer signals, also while JavaScript or the model computes without a pause and hears of none: an
 * expression of a tokenizer that backtracks, a long loop, a forward pass. At the first it says what is waited for, at the
 * second it ends the process.
 *
 * @param signals Those that end the run.
 * @param name What the run calls itself.
 */
export function watch(signals: readonly EndSignal[], name: string): Watch {
  const worker = new Worker(import.meta.resolve("./watchdog.ts"), { type: "module", name: "watchdog" });
  const { promise, resolve } = Promise.withResolvers<void>();
  worker.onmessage = () => resolve();
  worker.onerror = (event) => {
    event.preventDefault();
    resolve();
  };
  const tell = (message: WatchMessage) => worker.postMessage(message);
  tell({ kind: "listen", signals, name });
  return {
    ready: promise,
    doing: (what) => tell({ kind: "doing", what }),
    heard: () => tell({ kind: "heard" }),
    end: () => worker.terminate(),
  };
}
