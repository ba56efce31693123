/**
 * Writes text to stderr, as long as that can be: a run must not end because its terminal, a pipe's reader or a log's
 * disk did.
 */
export function writeStderr(text: string): void {
  const bytes = new TextEncoder().encode(text);
  try {
    for (let written = 0; written < bytes.length;) written += Deno.stderr.writeSync(bytes.subarray(written));
  } catch (error) {
    if (!["EIO", "EPIPE", "ENOSPC"].includes((error as { code?: string }).code ?? "")) throw error;
  }
}

/** Letters a line of the terminal; 80 where that is not told, or gone. */
export function terminalWidth(): number {
  try {
    return Deno.consoleSize().columns || 80;
  } catch {
    return 80;
  }
}
