/** How much a process works, whatever else the machine does at the time. */

/** Of `/proc/<pid>/stat`: a second has so many, on every Linux. */
const TICKS_A_SECOND = 100;

/**
 * Seconds of processor time that a running process has taken since its start, of all its threads together.
 *
 * @throws {Deno.errors.NotFound} If it has ended, or the system is not Linux.
 */
export function processorSeconds(pid: number): number {
  const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
  // The name, in brackets, may hold spaces; `utime` and `stime` are the twelfth and thirteenth after it.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}

/** Seconds of processor time that a process takes from now until it ends; the last hundredths may be missed. */
export async function processorSecondsToEnd(pid: number): Promise<number> {
  const before = processorSeconds(pid);
  for (let now = before;;) {
    try {
      now = processorSeconds(pid);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return now - before;
      throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
