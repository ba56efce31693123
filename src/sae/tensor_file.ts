/** A file of tensors in any format that autoencoders come in, of which only some are read. */
import { readNpz } from "../files/npz.ts";
import { readSafetensors } from "../files/safetensors.ts";
import type { TensorOutline, Tensors } from "../files/tensor.ts";
import { openTorch } from "../files/torch/container.ts";
import { readTorch, torchOutline, torchTensors } from "../files/torch/tensors.ts";
import type { UnpackOptions } from "../files/unpacking.ts";

/** The tensors of a file. */
export interface TensorFile {
  /** The file. */
  readonly path: string;
  /** Type and shape of every tensor in it. */
  readonly outline: ReadonlyMap<string, TensorOutline>;
  /** Reads some of them; they belong to the caller. */
  read(names: readonly string[]): Promise<Tensors>;
}

/** An `.npz` file. It is unpacked once, and whole: its arrays are what an autoencoder is made of. */
export async function npzFile(path: string, options: UnpackOptions = {}): Promise<TensorFile> {
  const tensors = await readNpz(path, undefined, { maxUnpacked: options.maxUnpacked });
  return { path, outline: tensors, read: (names) => Promise.resolve(some(tensors, names)) };
}

/** A `.safetensors` file. */
export async function safetensorsFile(path: string): Promise<TensorFile> {
  const { outline } = await readSafetensors(path, []);
  return { path, outline, read: async (names) => (await readSafetensors(path, names)).tensors };
}

/** A file of `torch.save`: its pickle is read as data, and nothing of it is run. */
export async function torchFile(path: string): Promise<TensorFile> {
  using file = await openTorch(path);
  const outline = new Map(Array.from(torchTensors(file), ([name, tensor]) => [name, torchOutline(tensor)] as const));
  return { path, outline, read: (names) => readTorch(path, names) };
}

function some<T>(all: ReadonlyMap<string, T>, names: readonly string[]): Map<string, T> {
  return new Map([...all].filter(([name]) => names.includes(name)));
}
