/** The signals that end a run, as the run's own thread and the watchdog's see them. */

/** What a process ends with for each signal: 128 and the signal's number, as a shell has it. */
export const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** A signal that ends a run. */
export type EndSignal = keyof typeof EXIT_CODES;

/** What came, and how to end at once. */
export const TEXTS: Readonly<Record<EndSignal, readonly [came: string, again: string]>> = {
  SIGINT: ["interrupted", "Ctrl-C again ends at once"],
  SIGTERM: ["asked to end by SIGTERM", "A second signal ends at once"],
  SIGHUP: ["left by its terminal (SIGHUP)", "A second signal ends at once"],
};

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
