/**
 * Writes to standard output, and waits until whoever reads it has taken the text, so that a slow reader does not fill
 * the memory.
 *
 * @param text With its line end.
 * @returns Whether more can be written: false once the reader has left, as `head` does when it has read enough.
 * @throws {Error} A sentence if it cannot be written otherwise, as on a full disk.
 *
 * @example
 * ```ts
 * const isRead = await writeStdout('{"id":"a","alarm":true}\n');
 * if (!isRead) throw new Error("Expected a reader");
 * ```
 */
export async function writeStdout(text: string): Promise<boolean> {
  const bytes = new TextEncoder().encode(text);
  try {
    for (let written = 0; written < bytes.length;) written += await Deno.stdout.write(bytes.subarray(written));
    return true;
  } catch (cause) {
    if (cause instanceof Deno.errors.BrokenPipe) return false;
    throw new Error(stdoutFailure(cause), { cause });
  }
}

/** Why nothing more can be written to standard output, in a sentence. */
export function stdoutFailure(cause: unknown): string {
  return `Cannot write to standard output: ${(cause as Error).message}. Send it where there is room.`;
}
