/** Runs tasks one after the other, in the order in which they were asked for, so that un-awaited calls do not mix. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs a task after all that were asked for before it, however they ended. */
  take<T>(task: () => Promise<T> | T): Promise<T> {
    const turn = this.#last.then(task, task);
    // Whoever asked hears of a failure; the next turn starts all the same.
    this.#last = turn.catch(() => {});
    return turn;
  }
}
