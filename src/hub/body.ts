/** Bodies of answers, and waiting, for both of which a limit is set. */

/** Milliseconds without a byte after which a connection counts as cut. */
const STALLED_MS = 60_000;

type Bytes = Uint8Array<ArrayBuffer>;

/** Whether a server packed a body although it was asked not to: its bytes are not the file's. */
export function isPacked({ headers }: Response): boolean {
  return !["", "identity"].includes(headers.get("content-encoding") ?? "");
}

/** The pieces of a body, unpacked; an error where none comes for long. */
export async function* pieces(response: Response): AsyncGenerator<Bytes> {
  if (response.body === null) return;
  const reader = unpacked(response).getReader();
  let last = performance.now();
  const isStalled = () => performance.now() - last > STALLED_MS;
  const watch = setInterval(() => {
    // The read that waits then ends, with `done`.
    if (isStalled()) reader.cancel().catch(() => {});
  }, 1000);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done && isStalled()) throw new Error(`no byte came for ${STALLED_MS / 1000} s`);
      if (done) return;
      yield value;
      // What the taker spends between pieces is not the server's delay.
      last = performance.now();
    }
  } finally {
    clearInterval(watch);
    // After an error there is nothing to cancel.
    await reader.cancel().catch(() => {});
  }
}

/** The whole body as text. */
export async function textOf(response: Response): Promise<string> {
  const all: Bytes[] = [];
  for await (const piece of pieces(response)) all.push(piece);
  return await new Blob(all).text();
}

function unpacked(response: Response): ReadableStream<Bytes> {
  const encoding = response.headers.get("content-encoding") ?? "";
  if (!["gzip", "deflate"].includes(encoding)) return response.body!;
  return response.body!.pipeThrough(new DecompressionStream(encoding as CompressionFormat)) as ReadableStream<Bytes>;
}

/** Waits; throws the signal's reason as soon as it is aborted. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const stop = () => reject(signal!.reason);
  signal?.addEventListener("abort", stop);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}
