// Above this a buffer is destroyed rather than kept: large ones are rare and their sizes seldom repeat.
const LARGEST_KEPT = 16 * 2 ** 20;
const SMALLEST = 256;
// Bytes of free buffers that a pool keeps, so that one large operation does not hold its memory for the process's life.
const MOST_FREE = 64 * 2 ** 20;

/**
 * Buffers of one usage that are used again: creating them costs more than the small kernels that use them.
 *
 * A buffer may be given back as soon as the commands that use it are submitted: the queue works in order, so whatever
 * the next taker writes comes after.
 */
export class BufferPool {
  readonly #device: GPUDevice;
  readonly #usage: number;
  readonly #free = new Map<number, GPUBuffer[]>();
  #freeBytes = 0;

  constructor(device: GPUDevice, usage: number) {
    this.#device = device;
    this.#usage = usage;
  }

  /** A buffer of at least `bytes`, with any content. */
  take(bytes: number): GPUBuffer {
    const size = sizeClass(bytes);
    const free = this.#free.get(size);
    const buffer = free?.pop();
    if (!buffer) return this.#device.createBuffer({ size, usage: this.#usage });
    if (free!.length === 0) this.#free.delete(size);
    this.#freeBytes -= size;
    return buffer;
  }

  give(buffer: GPUBuffer): void {
    if (buffer.size > LARGEST_KEPT) {
      buffer.destroy();
      return;
    }
    // Those that were asked for longest ago go first: sizes that nobody wants any more would leave no room for others.
    while (this.#freeBytes + buffer.size > MOST_FREE) this.#destroyOldest();
    this.#freeBytes += buffer.size;
    const free = this.#free.get(buffer.size) ?? [];
    free.push(buffer);
    // A map's order is that of insertion: the size is the newest now.
    this.#free.delete(buffer.size);
    this.#free.set(buffer.size, free);
  }

  #destroyOldest(): void {
    const [[size, free]] = this.#free;
    free.pop()?.destroy();
    this.#freeBytes -= size;
    if (free.length === 0) this.#free.delete(size);
  }

  dispose(): void {
    for (const buffers of this.#free.values()) buffers.forEach((buffer) => buffer.destroy());
    this.#free.clear();
    this.#freeBytes = 0;
  }
}

/** Small sizes in powers of two, so that few kinds exist; large ones exact to the word, so that nothing is wasted. */
function sizeClass(bytes: number): number {
  if (bytes > LARGEST_KEPT) return Math.ceil(bytes / 4) * 4;
  return 2 ** Math.ceil(Math.log2(Math.max(bytes, SMALLEST)));
}
