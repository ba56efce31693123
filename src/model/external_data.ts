/** Weights that a graph does not hold itself: ONNX's external data, in which file they are and whether that may be. */
import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import {
  type AttributeProto,
  externalEntry,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type SparseTensorProto,
  type StringStringEntryProto,
  type TensorProto,
} from "../compute/onnx/codec.ts";
import { exists } from "../files/exists.ts";
import { ModelError } from "./error.ts";

/**
 * Tensors of a graph whose values are in a file: stored ones, those of nodes such as Constant, and both in subgraphs.
 */
export function externalTensors(graph: GraphProto): TensorProto[] {
  return tensorsOf(graph).filter(({ externalData }) => externalData.length > 0);
}

/** Those of a model: of its graph, and of its local functions, whose nodes take the place of calls later. */
export function allExternalTensors({ graph, functions }: ModelProto): TensorProto[] {
  const own = functions.flatMap(({ attributeProto, node }) => [...attributeProto, ...attributesOf(node)]);
  return [...externalTensors(graph!), ...heldBy(own).filter(({ externalData }) => externalData.length > 0)];
}

function tensorsOf({ initializer, sparseInitializer, node }: GraphProto): TensorProto[] {
  return [...initializer, ...sparseInitializer.flatMap(partsOf), ...heldBy(attributesOf(node))];
}

function heldBy(attributes: readonly AttributeProto[]): TensorProto[] {
  return attributes.flatMap(({ t, tensors, sparseTensor, sparseTensors, g, graphs }) => [
    ...(t ? [t] : []),
    ...tensors,
    ...[...(sparseTensor ? [sparseTensor] : []), ...sparseTensors].flatMap(partsOf),
    ...[...(g ? [g] : []), ...graphs].flatMap(tensorsOf),
  ]);
}

function attributesOf(nodes: readonly NodeProto[]): AttributeProto[] {
  return nodes.flatMap(({ attribute }) => attribute);
}

function partsOf({ values, indices }: SparseTensorProto): TensorProto[] {
  return [values, indices].filter((part) => part !== undefined);
}

/** Where a graph is: as it was named, without links, and the model's folder without links. */
export interface GraphPlace {
  readonly path: string;
  readonly real: string;
  readonly root: string;
}

/** A file of weights: its path without links, and its length in bytes. */
interface WeightFile {
  readonly path: string;
  readonly size: number;
}

/** The files of a graph's weights. Each is looked for once: thousands of tensors lie in one, and asking takes its time. */
export class WeightFiles {
  readonly #place: GraphPlace;
  readonly #files = new Map<string, WeightFile>();

  constructor(place: GraphPlace) {
    this.#place = place;
  }

  /**
   * Makes a tensor's location absolute.
   *
   * @throws {ModelError} unless its bytes are in a file beside the graph or below, which is no link out of the model's
   * folder.
   */
  async resolve(tensor: TensorProto): Promise<void> {
    const { path, real } = this.#place;
    const keys = tensor.externalData.map(({ key }) => key);
    const twice = keys.find((key, i) => keys.indexOf(key) < i);
    if (twice !== undefined) {
      throw new ModelError(
        `Expected one ${twice} of the weight "${tensor.name}" of "${path}" but it has several: export the model again`,
      );
    }
    const location = entryOf(tensor, "location") ?? "";
    // The graph's own file, which slimModel names: its offsets were read, not told.
    if (location === real) return;
    let file = this.#files.get(location);
    if (!file) this.#files.set(location, file = await weightFile(location, this.#place));
    const [offset, length] = [Number(entryOf(tensor, "offset") ?? 0), lengthOf(tensor)];
    const end = offset + length;
    if (!(offset >= 0 && length >= 0 && end <= file.size)) {
      throw new ModelError(
        `Expected "${location}" to hold the ${length} bytes of the weight "${tensor.name}" up to byte ${end} but it has ` +
          `${file.size} bytes: fetch or copy it again`,
      );
    }
    setEntry(tensor, "location", file.path);
  }
}

async function weightFile(location: string, place: GraphPlace): Promise<WeightFile> {
  const { path } = place;
  const beside = dirname(resolve(path));
  const file = join(beside, location);
  if (isAbsolute(location) || isOutside(beside, file)) {
    throw new ModelError(
      `Expected the weights of "${path}" in its folder but they are in "${location}": files elsewhere are not read; move it`,
    );
  }
  if (location === "" || !await exists(file)) {
    throw new ModelError(
      `Expected the weights of "${path}" in "${location}" beside it but there is no such file: fetch it too`,
    );
  }
  const target = await Deno.realPath(file);
  if (!mayHold(place, target)) {
    throw new ModelError(
      `Expected the weights of "${path}" in the model's folder but "${location}" is a link to "${target}": files ` +
        "elsewhere are not read; copy it to where the link is",
    );
  }
  const { size, isFile } = await Deno.stat(target);
  if (!isFile) {
    throw new ModelError(
      `Expected the weights of "${path}" in "${location}" beside it but that is no file: fetch it too`,
    );
  }
  return { path: target, size };
}

/** A file of a commit in a cache of the hub's; it may be a link to its bytes, which are named by their checksum. */
const SNAPSHOT = /[\\/]models--[^\\/]+[\\/]snapshots[\\/]/;
const BLOB = /[\\/]blobs[\\/](?:[^\\/]+[\\/])?(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/**
 * Whether weights may be in a file, links followed. Whoever made a model's folder may have put a link into it to any
 * file of its reader's; where the graph itself is a link, files beside the graph are meant.
 */
function mayHold({ path, real, root }: GraphPlace, file: string): boolean {
  return !isOutside(root, file) || !isOutside(dirname(real), file) || (SNAPSHOT.test(resolve(path)) && BLOB.test(file));
}

/** Whether a path leads out of a folder. */
export function isOutside(folder: string, path: string): boolean {
  return /^\.\.([/\\]|$)/.test(relative(folder, path));
}

/** Bits of an element by type code, for lengths that a file leaves out. */
const BITS: Record<number, number> = {
  ...{ 1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 16: 16 },
  ...{ 17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4 },
};

/** Bytes of a tensor's values. */
export function lengthOf(tensor: TensorProto): number {
  const told = entryOf(tensor, "length");
  if (told !== undefined) return Number(told);
  const elements = tensor.dims.reduce((product, size) => product * Number(size), 1);
  return Math.ceil(elements * (BITS[tensor.dataType] ?? NaN) / 8);
}

/** The file of a tensor's values. */
export function locationOf(tensor: TensorProto): string {
  return entryOf(tensor, "location")!;
}

/** What is said of a tensor's external data: `location`, `offset`, `length`. */
export function entryOf({ externalData }: TensorProto, key: string): string | undefined {
  return externalData.find((entry: StringStringEntryProto) => entry.key === key)?.value;
}

/** Says it. */
export function setEntry(tensor: TensorProto, key: string, value: string): void {
  const entry = tensor.externalData.find((entry) => entry.key === key);
  if (entry) entry.value = value;
  else tensor.externalData.push(externalEntry(key, value));
}
