import { type EndSignal } from "./end_signals.ts";

/**
 * Has a thread of its own end the process at the second signal, also while JavaScript computes without a pause and hears
 * of neither: an expression of a tokenizer that backtracks, a long loop.
 *
 * @param signals Those that end the run.
 * @returns What ends the thread.
 */
export function watch(signals: readonly EndSignal[]): () => void {
  const worker = new Worker(import.meta.resolve("./watchdog.ts"), { type: "module", name: "watchdog" });
  // Where it cannot run, whoever listens in this thread still ends the process when its turn comes.
  worker.onerror = (event) => event.preventDefault();
  worker.postMessage(signals);
  return () => worker.terminate();
}
