/**
 * Writes to standard output, and waits until whoever reads it has taken the text, so that a slow reader does not fill
 * the memory.
 *
 * @throws {Error} if its reader has closed it.
 *
 * @param text With its line end.
 *
 * @example
 * ```ts
 * await writeStdout('{"id":"a","alarm":true}\n');
 * ```
 */
export async function writeStdout(text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  try {
    for (let written = 0; written < bytes.length;) written += await Deno.stdout.write(bytes.subarray(written));
  } catch (cause) {
    if (!(cause instanceof Deno.errors.BrokenPipe)) throw cause;
    throw new Error("Expected a reader of standard output but it was closed: read it to the end", { cause });
  }
}
