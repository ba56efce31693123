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
    const buffer = this.#free.get(size)?.pop();
    if (!buffer) return this.#device.createBuffer({ size, usage: this.#usage });
    this.#freeBytes -= size;
    return buffer;
  }

  give(buffer: GPUBuffer): void {
    if (buffer.size > LARGEST_KEPT || this.#freeBytes + buffer.size > MOST_FREE) {
      buffer.destroy();
      return;
    }
    this.#freeBytes += buffer.size;
    const free = this.#free.get(buffer.size);
    if (free) free.push(buffer);
    else this.#free.set(buffer.size, [buffer]);
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
