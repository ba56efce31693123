import { gpuFailures, throwGpuFailure } from "./device.ts";
import { BufferPool } from "./webgpu_buffers.ts";
import { type KernelName, Kernels } from "./webgpu_kernels.ts";

/** A part of a buffer, in bytes. */
export interface BufferRange {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

// WebGPU's default alignment of uniform offsets, which every device accepts.
const UNIFORM_ALIGNMENT = 256;
// 16 KiB a page; a longer operation takes another.
const UNIFORMS_PER_PAGE = 64;
// Multiply-adds of one submission. Operating systems reset a GPU that is busy for seconds: a slow one does 2^37 in about
// a second, a fast one in milliseconds.
const WORK_PER_SUBMISSION = 2 ** 37;

/** Workgroups in one dimension of a dispatch, by WebGPU's default limit. */
export const MOST_WORKGROUPS = 65535;

/** So many workgroups or a few more in lines: how many a line has, and how many lines there are. */
export function linesOf(count: number): readonly [line: number, lines: number] {
  const line = Math.min(count, MOST_WORKGROUPS);
  return [line, Math.ceil(count / line)];
}

/** How many workgroups to run in x, y and z; or where a kernel before leaves the three numbers, in a temporary. */
export type Workgroups = readonly [number, number?, number?] | Omit<BufferRange, "size">;

/** A device with what all operations share: compiled kernels and buffers to use again. */
export class GpuContext implements Disposable {
  readonly kernels: Kernels;
  readonly temporaries: BufferPool;
  readonly staging: BufferPool;

  /** @param chunkBytes Most bytes that a matrix may ask for in one buffer. */
  constructor(readonly device: GPUDevice, readonly chunkBytes: number) {
    this.kernels = new Kernels(device);
    const { STORAGE, UNIFORM, INDIRECT, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
    this.temporaries = new BufferPool(device, STORAGE | UNIFORM | INDIRECT | COPY_SRC | COPY_DST);
    this.staging = new BufferPool(device, MAP_READ | COPY_DST);
  }

  dispose(): void {
    this.temporaries.dispose();
    this.staging.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * Commands of one operation, recorded and submitted together. Everything from the first call to `submit` or `read` must
 * happen without an `await` in between: another operation's commands would otherwise come first.
 */
export class Commands {
  readonly #context: GpuContext;
  readonly #taken: GPUBuffer[] = [];
  /** Made when it is needed: one that is never submitted holds memory until the collector comes. */
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #page: GPUBuffer | undefined;
  #uniforms = new Uint32Array(UNIFORMS_PER_PAGE * UNIFORM_ALIGNMENT / 4);
  #uniformCount = 0;
  #work = 0;

  constructor(context: GpuContext) {
    this.#context = context;
  }

  /** A buffer for this operation only, with any content. */
  temporary(bytes: number): GPUBuffer {
    const buffer = this.#context.temporaries.take(bytes);
    this.#taken.push(buffer);
    return buffer;
  }

  /** A temporary that holds `data`. */
  upload(data: Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Float32Array<ArrayBuffer>): GPUBuffer {
    const buffer = this.temporary(data.byteLength);
    // Deno 2.9 ends when it is asked to write nothing.
    if (data.length > 0) this.#context.device.queue.writeBuffer(buffer, 0, data);
    return buffer;
  }

  /**
   * Runs a kernel: `buffers` at bindings 0, 1, ..., then `params` as its uniform.
   *
   * @param work Multiply-adds, so that long operations are submitted in parts.
   */
  dispatch(
    name: KernelName,
    buffers: readonly (GPUBuffer | BufferRange)[],
    params: readonly number[],
    workgroups: Workgroups,
    work = 0,
  ): void {
    if (this.#work + work > WORK_PER_SUBMISSION) this.#flush();
    // The layout comes from the shader ("auto"), which leaves out bindings that it never reads: each kernel uses all of
    // its own.
    const { pipeline, layout } = this.#context.kernels.get(name);
    const resources = [...buffers, this.#uniform(params)].map((resource) =>
      resource instanceof GPUBuffer ? { buffer: resource } : resource
    );
    this.#pass ??= this.#recording().beginComputePass();
    this.#pass.setPipeline(pipeline);
    this.#pass.setBindGroup(
      0,
      this.#context.device.createBindGroup({
        layout,
        entries: resources.map((resource, binding) => ({ binding, resource })),
      }),
    );
    if ("buffer" in workgroups) this.#pass.dispatchWorkgroupsIndirect(workgroups.buffer, workgroups.offset);
    else this.#pass.dispatchWorkgroups(...workgroups);
    this.#work += work;
  }

  /** Sets a buffer to zeros. */
  clear(buffer: GPUBuffer, bytes: number): void {
    this.#endPass();
    // Clears and copies stand between passes, in order with the dispatches.
    this.#recording().clearBuffer(buffer, 0, bytes);
  }

  /** Submits what was recorded and gives the temporaries back. */
  submit(): void {
    this.#flush();
    this.#taken.forEach((buffer) => this.#context.temporaries.give(buffer));
    this.#taken.length = 0;
  }

  /**
   * Submits what was recorded and reads the ranges back, one after the other in one array. Deno 2.9 waits 10 ms in
   * every read, however short the work; so operations read once, and reads that are awaited together share the wait.
   *
   * @throws {GpuError} if the GPU failed, here or before.
   */
  async read(ranges: readonly BufferRange[]): Promise<ArrayBuffer> {
    const since = gpuFailures();
    const bytes = ranges.reduce((sum, range) => sum + range.size, 0);
    const staging = this.#context.staging.take(bytes);
    this.#endPass();
    let end = 0;
    for (const { buffer, offset, size } of ranges) {
      this.#recording().copyBufferToBuffer(buffer, offset, staging, end, size);
      end += size;
    }
    this.submit();
    try {
      await staging.mapAsync(GPUMapMode.READ, 0, bytes);
    } catch (error) {
      staging.destroy();
      // The device tells the cause in an event, which comes after this rejection.
      await new Promise((resolve) => setTimeout(resolve));
      throwGpuFailure(since);
      throw error;
    }
    try {
      // A failed kernel leaves old numbers in its buffers, and the read succeeds all the same.
      throwGpuFailure(since);
      return staging.getMappedRange(0, bytes).slice(0);
    } finally {
      staging.unmap();
      this.#context.staging.give(staging);
    }
  }

  #recording(): GPUCommandEncoder {
    return this.#encoder ??= this.#context.device.createCommandEncoder();
  }

  #uniform(params: readonly number[]): BufferRange {
    if (this.#uniformCount === UNIFORMS_PER_PAGE) this.#writeUniforms();
    this.#page ??= this.temporary(this.#uniforms.byteLength);
    const offset = this.#uniformCount++ * UNIFORM_ALIGNMENT;
    this.#uniforms.set(params, offset / 4);
    return { buffer: this.#page, offset, size: params.length * 4 };
  }

  // Queue writes happen before the commands that are submitted after them, so one write serves a whole page.
  #writeUniforms(): void {
    if (!this.#page) return;
    this.#context.device.queue.writeBuffer(
      this.#page,
      0,
      this.#uniforms,
      0,
      this.#uniformCount * UNIFORM_ALIGNMENT / 4,
    );
    this.#page = undefined;
    this.#uniformCount = 0;
  }

  #flush(): void {
    this.#endPass();
    this.#writeUniforms();
    // Without commands, too: what was written to buffers waits for a submission.
    this.#context.device.queue.submit([this.#recording().finish()]);
    this.#encoder = undefined;
    this.#work = 0;
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = undefined;
  }
}

/** A float as kernels read it of a parameter. */
export function bitsOf(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0];
}
