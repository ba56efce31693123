/** The signals that end a run, as the run's own thread and the watchdog's see them. */

/** What a process ends with for each signal: 128 and the signal's number, as a shell has it. */
export const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** A signal that ends a run. */
export type EndSignal = keyof typeof EXIT_CODES;

/** Tells a second signal from the first one's echo: `deno task` passes on what the terminal has sent to both. */
export class Presses {
  #first: number | undefined;

  /** @param now The clock in milliseconds; default `performance.now`. */
  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Takes a signal; says whether it is the first, that one's echo, or another that was meant. */
  take(): "first" | "echo" | "again" {
    const now = this.now();
    if (this.#first === undefined) {
      this.#first = now;
      return "first";
    }
    return now - this.#first < 300 ? "echo" : "again";
  }
}
