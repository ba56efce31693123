/** A file of tensors in any format that autoencoders come in, of which only some are read. */
import { openByteFile } from "../files/byte_file.ts";
import { readNpz } from "../files/npz.ts";
import { readSafetensors } from "../files/safetensors.ts";
import { numbersAt, type Tensor, type Tensors } from "../files/tensor.ts";
import { outlineTorch } from "../files/torch_zip.ts";
import type { UnpackOptions } from "../files/unpacking.ts";

/** The tensors of a file. */
export interface TensorFile {
  /** The file. */
  readonly path: string;
  /** Type and shape of every tensor in it. */
  readonly outline: ReadonlyMap<string, { readonly dtype: string; readonly shape: readonly number[] }>;
  /** Reads some of them; they belong to the caller. */
  read(names: readonly string[]): Promise<Tensors>;
}

/** An `.npz` file. It is unpacked once, and whole: its arrays are what an autoencoder is made of. */
export async function npzFile(path: string, options: UnpackOptions = {}): Promise<TensorFile> {
  const tensors = await readNpz(path, undefined, options);
  return { path, outline: tensors, read: (names) => Promise.resolve(some(tensors, names)) };
}

/** A `.safetensors` file. */
export async function safetensorsFile(path: string): Promise<TensorFile> {
  const { outline } = await readSafetensors(path, []);
  return { path, outline, read: async (names) => (await readSafetensors(path, names)).tensors };
}

/** A state dictionary of `torch.save`. */
export async function torchFile(path: string): Promise<TensorFile> {
  const outline = await outlineTorch(path);
  return {
    path,
    outline,
    async read(names) {
      using file = await openByteFile(path, "a file of torch.save");
      const tensors = new Map<string, Tensor>();
      for (const [name, { dtype, shape, offset, length }] of some(outline, names)) {
        const bytes = await file.read(offset, new Uint8Array(length));
        const count = shape.reduce((product, axis) => product * axis, 1);
        tensors.set(name, { dtype, shape, data: numbersAt(dtype, bytes, 0, count) });
      }
      return tensors;
    },
  };
}

function some<T>(all: ReadonlyMap<string, T>, names: readonly string[]): Map<string, T> {
  return new Map([...all].filter(([name]) => names.includes(name)));
}
