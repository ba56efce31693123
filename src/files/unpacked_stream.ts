/** Streams of packed bytes, unpacked as they are read: memory holds some chunks, whatever they unpack to. */
import { Readable, type Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { openFile } from "./open.ts";

/** Bytes, a chunk at a time. */
export type Chunks = AsyncIterable<Uint8Array<ArrayBuffer>>;

const CHUNK_BYTES = 1 << 16;

/** The bytes of a file, from its start. The file is closed when they end or nobody wants more. */
export async function* chunksOf(path: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  using file = await openFile(path);
  const chunk = new Uint8Array(CHUNK_BYTES);
  for (let count; (count = await file.read(chunk)) !== null;) yield chunk.slice(0, count);
}

/** Bytes of a stream's beginning, fewer if it is shorter, and the whole stream. */
export async function beginning(
  chunks: Chunks,
  count: number,
): Promise<{ head: Uint8Array<ArrayBuffer>; whole: AsyncGenerator<Uint8Array<ArrayBuffer>> }> {
  const rest = chunks[Symbol.asyncIterator]();
  let head = new Uint8Array(0);
  while (head.length < count) {
    const next = await rest.next();
    if (next.done) break;
    head = joined(head, next.value);
  }
  return { head, whole: whole() };

  async function* whole() {
    try {
      if (head.length > 0) yield head;
      for (let next; !(next = await rest.next()).done;) yield next.value;
    } finally {
      await rest.return?.();
    }
  }
}

/** Unpacks gzip, several members one after the other too. */
export function gunzipped(chunks: Chunks): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  return through(chunks, createGunzip());
}

/** Unpacks Zstandard, several frames one after the other too, which the system's decoder would end after the first of. */
export async function* unzstandarded(chunks: Chunks): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const iterator = chunks[Symbol.asyncIterator]();
  let left: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  const next = async () => {
    const taken = left.length > 0 ? left : (await iterator.next()).value;
    left = new Uint8Array(0);
    return taken as Uint8Array<ArrayBuffer> | undefined;
  };
  /** The rest of a frame, whose first bytes are told. */
  async function* frame(first: Uint8Array<ArrayBuffer>) {
    const walk = new FrameWalk();
    let told: Uint8Array<ArrayBuffer> = new Uint8Array(0);
    for (let chunk: Uint8Array<ArrayBuffer> | undefined = first; chunk; chunk = await next()) {
      const end = walk.through(chunk);
      if (end !== undefined) left = chunk.subarray(end);
      // Not before it is known whether it is one that holds nothing for us.
      told = joined(told, chunk.subarray(0, end));
      if (walk.isSkipped === false) {
        yield told;
        told = new Uint8Array(0);
      } else if (walk.isSkipped) told = new Uint8Array(0);
      if (end !== undefined) return;
    }
    throw new Error("it ends within a frame");
  }
  try {
    for (let first; (first = await next()) !== undefined;) {
      const transform = createZstdDecompress();
      using stray = hearingStrayErrors(transform);
      yield* through(stray.ending(frame(first)), transform, stray);
    }
  } finally {
    await iterator.return?.();
  }
}

async function* through(
  chunks: Chunks,
  transform: Transform,
  stray?: StrayErrors,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  // What goes wrong with the one ends the other: it comes out of the loop below.
  const ended = pipeline(Readable.from(chunks), transform).catch(() => {});
  const unpacked = transform[Symbol.asyncIterator]();
  const next = () => stray ? stray.awaiting(unpacked.next()) : unpacked.next();
  try {
    for (let chunk; !(chunk = await next()).done;) yield new Uint8Array(chunk.value);
  } finally {
    transform.destroy();
    await ended;
  }
}

/**
 * Errors of a stream of Zstandard that nobody can catch: what is wrong at a frame's end, such as its checksum, Deno 2.9
 * throws out of a tick, and leaves the stream without an end.
 */
interface StrayErrors extends Disposable {
  /** The packed bytes; notes when all were given. */
  ending(chunks: Chunks): Chunks;
  /** What is awaited of the stream, or its stray error. */
  awaiting<T>(next: Promise<T>): Promise<T>;
}

/** What may throw so. */
interface Stray {
  /** Whether it has all bytes of its frame: not before does it throw. */
  isEnded: boolean;
  /** Fails what somebody waits for; absent while nobody does. */
  fail?: (error: Error) => void;
  /** What was thrown while nobody waited. */
  error?: Error;
}

const strays = new Set<Stray>();

// At once, so that it comes before what ends a program at such an error. An error does not say which stream it is of: those
// that stand still are not asked, unless all do. Where no stream of ours is at its end it is somebody else's.
globalThis.addEventListener("error", (event) => {
  if (!(event.error instanceof Error) || !event.error.message.startsWith("Zstd decompress error")) return;
  const ended = [...strays].filter(({ isEnded }) => isEnded);
  if (ended.length === 0) return;
  event.preventDefault();
  const awaited = ended.filter(({ fail }) => fail);
  for (const stray of awaited.length > 0 ? awaited : ended) {
    if (stray.fail) stray.fail(event.error);
    else stray.error = event.error;
  }
});

function hearingStrayErrors(transform: Transform): StrayErrors {
  const stray: Stray = { isEnded: false };
  strays.add(stray);
  return {
    async *ending(chunks) {
      for await (const chunk of chunks) {
        // The last chunk may have all that it needs.
        stray.isEnded = true;
        yield chunk;
        stray.isEnded = false;
      }
      stray.isEnded = true;
    },
    awaiting(next) {
      // Each time anew: a promise of the error for all would keep whatever has come.
      return new Promise((resolve, reject) => {
        stray.fail = reject;
        next.then(resolve, reject).finally(() => stray.fail = undefined);
        if (stray.error) reject(stray.error);
      });
    },
    [Symbol.dispose]() {
      // A stream that was given up may throw until it is closed.
      if (transform.closed) strays.delete(stray);
      else transform.once("close", () => strays.delete(stray));
    },
  };
}

const [ZSTD_MAGIC, SKIPPABLE_MAGIC] = [0xfd2fb528, 0x184d2a50];

/** Finds where a frame of Zstandard ends (RFC 8878, section 3.1), by its lengths alone. */
class FrameWalk {
  /** Whether it is one that holds nothing for us; undefined before that is told. */
  isSkipped?: boolean;
  /** Bytes of what is told next, and how many it takes. */
  #told: number[] = [];
  #needed = 5;
  #read: () => boolean = () => this.#readMagic();
  /** Bytes to pass over before that. */
  #pass = 0;
  #hasChecksum = false;
  /** Whether nothing is told any more. */
  #isEnd = false;

  /** Goes through the next bytes: where the frame ends in them, undefined if it goes on. */
  through(chunk: Uint8Array): number | undefined {
    for (let i = 0; i < chunk.length;) {
      if (this.#pass > 0) {
        const passed = Math.min(this.#pass, chunk.length - i);
        this.#pass -= passed;
        i += passed;
      } else {
        this.#told.push(chunk[i++]);
      }
      if (this.#told.length === this.#needed && !this.#isEnd) {
        this.#isEnd = this.#read();
        this.#told = [];
      }
      if (this.#isEnd && this.#pass === 0) return i;
    }
    return undefined;
  }

  /** Magic and the byte that says how long the header is. */
  #readMagic(): boolean {
    const magic = little(this.#told.slice(0, 4));
    if (magic >= SKIPPABLE_MAGIC && magic <= SKIPPABLE_MAGIC + 15) {
      this.isSkipped = true;
      const [lowest] = this.#told.slice(4);
      [this.#needed, this.#read] = [3, () => {
        this.#pass = lowest + 256 * little(this.#told);
        return true;
      }];
      return false;
    }
    this.isSkipped = false;
    if (magic !== ZSTD_MAGIC) throw new Error("bytes follow that are no frame");
    const flags = this.#told[4];
    const isSingle = (flags & 0x20) !== 0;
    this.#hasChecksum = (flags & 4) !== 0;
    const [dictionaryBytes, sizeBytes] = [[0, 1, 2, 4][flags & 3], [isSingle ? 1 : 0, 2, 4, 8][flags >> 6]];
    this.#pass = (isSingle ? 0 : 1) + dictionaryBytes + sizeBytes;
    [this.#needed, this.#read] = [3, () => this.#readBlock()];
    return false;
  }

  #readBlock(): boolean {
    const header = little(this.#told);
    const [isLast, kind, size] = [(header & 1) === 1, (header >> 1) & 3, header >> 3];
    // A block of one byte repeated has that byte alone.
    this.#pass = (kind === 1 ? 1 : size) + (isLast && this.#hasChecksum ? 4 : 0);
    return isLast;
  }
}

/** A number of a few bytes, the lowest first. */
function little(bytes: readonly number[]): number {
  return bytes.reduceRight((number, byte) => number * 256 + byte, 0);
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
