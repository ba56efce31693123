/** Fails unless a message is one sentence for people: it says what was expected or cannot be done, on one line. */
export function assertSentence(error: Error, ...parts: readonly string[]): void {
  const { message } = error;
  if (!/^(Expected|Cannot|The) /.test(message) || message.includes("\n") || message.includes("[object ")) {
    throw new Error(`Expected a sentence but found ${JSON.stringify(message)}`);
  }
  for (const part of parts) {
    if (!message.includes(part)) throw new Error(`Expected ${JSON.stringify(message)} to name "${part}"`);
  }
}
