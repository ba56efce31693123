/** Long work gives whatever else waits its turn now and then: timers, requests, a signal that ends the run. */

/** Milliseconds between two turns of the others: a person notices ten times that. */
const WORK_MS = 50;

/** When the others last had their turn; there is one event loop. */
let last = performance.now();

/**
 * Lets others have their turn if none of them had for a while, then throws if the signal was aborted.
 *
 * Awaiting what is computed already lets none of them in, nor does onnxruntime's `run` on the CPU: Deno hears of a signal of
 * the system only where it waits for a timer.
 *
 * @param signal Ends the work.
 * @throws The signal's reason.
 *
 * @example
 * ```ts
 * let turns = 0;
 * const others = setInterval(() => turns++);
 * const end = performance.now() + 300;
 * while (performance.now() < end) await otherTurns();
 * clearInterval(others);
 * if (turns === 0) throw new Error("the others had no turn");
 * ```
 */
export async function otherTurns(signal?: AbortSignal): Promise<void> {
  if (performance.now() - last >= WORK_MS) {
    await new Promise((resolve) => setTimeout(resolve));
    last = performance.now();
  }
  signal?.throwIfAborted();
}
