import activate from "../../kernels/activate.wgsl" with { type: "text" };
import addRows from "../../kernels/add_rows.wgsl" with { type: "text" };
import combine from "../../kernels/combine.wgsl" with { type: "text" };
import copyRows from "../../kernels/copy_rows.wgsl" with { type: "text" };
import directions from "../../kernels/directions.wgsl" with { type: "text" };
import dotTile from "../../kernels/dot_tile.wgsl" with { type: "text" };
import groupSums from "../../kernels/group_sums.wgsl" with { type: "text" };
import histogram from "../../kernels/histogram.wgsl" with { type: "text" };
import moments from "../../kernels/moments.wgsl" with { type: "text" };
import nearest from "../../kernels/nearest.wgsl" with { type: "text" };
import nearestExact from "../../kernels/nearest_exact.wgsl" with { type: "text" };
import nearestReduce from "../../kernels/nearest_reduce.wgsl" with { type: "text" };
import nearestSettle from "../../kernels/nearest_settle.wgsl" with { type: "text" };
import padRows from "../../kernels/pad_rows.wgsl" with { type: "text" };
import quantise from "../../kernels/quantise.wgsl" with { type: "text" };
import rowLength from "../../kernels/row_length.wgsl" with { type: "text" };
import rowNorms from "../../kernels/row_norms.wgsl" with { type: "text" };
import similarityBounds from "../../kernels/similarity_bounds.wgsl" with { type: "text" };
import similarities from "../../kernels/similarities.wgsl" with { type: "text" };

/** Every kernel's source; those that multiply rows share one way to do it, and so do those that measure them. */
const SOURCES = {
  activate,
  addRows,
  combine,
  copyRows,
  directions: rowLength + directions,
  groupSums,
  histogram: dotTile + histogram,
  moments,
  nearest: dotTile + nearest,
  nearestExact,
  nearestReduce,
  nearestSettle,
  padRows,
  quantise,
  rowNorms: rowLength + rowNorms,
  similarities: dotTile + similarities,
  similarityBounds,
};

/** Name of a kernel. */
export type KernelName = keyof typeof SOURCES;

/** A compiled kernel. */
export interface Kernel {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** The kernels of one device, each compiled when it is first used. */
export class Kernels {
  readonly #device: GPUDevice;
  readonly #compiled = new Map<KernelName, Kernel>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** The compiled kernel. A failure to compile is reported by the device, at the next read. */
  get(name: KernelName): Kernel {
    let kernel = this.#compiled.get(name);
    if (!kernel) {
      const module = this.#device.createShaderModule({ label: name, code: SOURCES[name] });
      const pipeline = this.#device.createComputePipeline({ label: name, layout: "auto", compute: { module } });
      kernel = { pipeline, layout: pipeline.getBindGroupLayout(0) };
      this.#compiled.set(name, kernel);
    }
    return kernel;
  }
}
