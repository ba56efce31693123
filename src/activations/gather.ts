import type { Backend, Matrix } from "../compute/backend.ts";
import { openBackend } from "../compute/open.ts";
import type { WebGpuBackend } from "../compute/webgpu.ts";
import type { Capture, LanguageModel, Residual } from "../model/types.ts";
import { Batch, type Provenance } from "./batch.ts";
import type { Pass } from "./layout.ts";
import type { StreamSource } from "./source.ts";

/** Collects the activations of one batch from its forward passes, in the batch's row order. */
export interface Gather extends Disposable {
  /** Takes the rows that a pass keeps, at every layer; the capture may be given back afterwards. */
  take(capture: Capture, pass: Pass): Promise<void>;
  /**
   * The activations by layer; the caller's from now on. What is not finished is given back by `using`.
   *
   * @param provenance That of the rows, but for their source, which each layer has its own of.
   */
  finish(provenance: Provenance): Map<number, Batch>;
}

/** Starts collecting a batch of `rows` activations at layers, which have a source each. */
export type GatherFactory = (sources: ReadonlyMap<number, StreamSource>, rows: number) => Gather;

/**
 * How activations get from a model to where they are wanted. From a WebGPU model to the WebGPU backend they stay on the
 * GPU; in every other case they pass through the host.
 *
 * @param backend Where they are wanted; the host only when absent.
 */
export async function gatherer(model: LanguageModel, backend?: Backend): Promise<GatherFactory> {
  if (model.device === "cpu") return (sources, rows) => new HostGather(sources, rows, model, backend);
  // Both live on the process's one GPU device, so the backend reads the model's buffers as matrices.
  const gpu = await openBackend("webgpu") as WebGpuBackend;
  if (backend?.name === "webgpu") return (sources, rows) => new DeviceGather(sources, rows, model, gpu);
  return (sources, rows) => new HostGather(sources, rows, model, backend, gpu);
}

/** Collects on the host, then hands the array to the backend, if any. */
class HostGather implements Gather {
  readonly #layers: Map<number, Float32Array<ArrayBuffer>>;

  constructor(
    readonly sources: ReadonlyMap<number, StreamSource>,
    readonly rows: number,
    readonly model: LanguageModel,
    readonly backend?: Backend,
    readonly gpu?: WebGpuBackend,
  ) {
    this.#layers = new Map(sources.keys().map((layer) => [layer, new Float32Array(rows * model.dim)]));
  }

  async take(capture: Capture, { sourceRows, targetRows }: Pass): Promise<void> {
    const { dim } = this.model;
    for (const [layer, target] of this.#layers) {
      const residual = residualAt(capture, layer, this.model);
      const { data } = residual;
      if (data) {
        targetRows.forEach((row, i) =>
          target.set(data.subarray(sourceRows[i] * dim, (sourceRows[i] + 1) * dim), row * dim)
        );
      } else {
        using source = wrap(this.gpu!, residual, capture, dim);
        // Padding stays on the GPU.
        const kept = await this.gpu!.download(source, sourceRows);
        targetRows.forEach((row, i) => target.set(kept.subarray(i * dim, (i + 1) * dim), row * dim));
      }
    }
  }

  finish(provenance: Provenance): Map<number, Batch> {
    const { rows, model: { dim }, backend } = this;
    return new Map(
      this.#layers.entries().map(([layer, data]) => [
        layer,
        Batch.of({ data, rows, dim, provenance: { ...provenance, source: this.sources.get(layer) } }, backend),
      ]),
    );
  }

  [Symbol.dispose](): void {
    this.#layers.clear();
  }
}

/** Collects on the GPU: rows are copied from the model's buffers to the batch's matrices and never come to the host. */
class DeviceGather implements Gather {
  readonly #layers: Map<number, Matrix>;

  constructor(
    readonly sources: ReadonlyMap<number, StreamSource>,
    rows: number,
    readonly model: LanguageModel,
    readonly gpu: WebGpuBackend,
  ) {
    this.#layers = new Map(sources.keys().map((layer) => [layer, gpu.create(model.dim, rows)]));
  }

  take(capture: Capture, { sourceRows, targetRows }: Pass): Promise<void> {
    for (const [layer, matrix] of this.#layers) {
      const residual = residualAt(capture, layer, this.model);
      // Prompts that run one at a time come on the host, whatever the device.
      const { data } = residual;
      using source = data
        ? this.gpu.upload(data, capture.batch * capture.width, matrix.dim)
        : wrap(this.gpu, residual, capture, matrix.dim);
      // The queue works in order: the source may be given back as soon as its copy is submitted.
      this.gpu.copyRows(source, sourceRows, matrix, targetRows);
    }
    return Promise.resolve();
  }

  finish(provenance: Provenance): Map<number, Batch> {
    const gathered = new Map(
      this.#layers.entries().map(([layer, matrix]) => [
        layer,
        Batch.onBackend(matrix, { ...provenance, source: this.sources.get(layer) }),
      ]),
    );
    this.#layers.clear();
    return gathered;
  }

  [Symbol.dispose](): void {
    for (const matrix of this.#layers.values()) matrix.dispose();
  }
}

/**
 * Activations of one layer, which must be as long as the model says: those of several layers are extracted together.
 */
function residualAt(capture: Capture, layer: number, { id, hook, dim }: LanguageModel): Residual {
  const residual = capture.residuals.get(layer);
  if (!residual) throw new Error(`Expected the model to capture layer ${layer} but it gave no activations for it`);
  if (residual.dim === dim) return residual;
  throw new Error(
    `Expected activations of length ${dim}, as ${id} tells for ${hook}, but those of layer ${layer} have ` +
      `${residual.dim}: extract layers of one length`,
  );
}

/** A captured buffer as a matrix; the buffer is still the model's. */
function wrap(gpu: WebGpuBackend, { buffer }: Residual, capture: Capture, dim: number): Matrix {
  if (!buffer) throw new Error("Expected activations on the GPU but the model gave neither values nor a buffer");
  return gpu.wrap(buffer, capture.batch * capture.width, dim);
}
